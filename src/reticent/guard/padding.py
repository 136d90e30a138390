"""Time that says nothing: replies leave on a grid (M14)."""

import asyncio
import math
from collections.abc import Callable


async def until_grid(grid_s: float, since_s: float, clock: Callable[[], float]) -> None:
    """Wait until the time since `since_s` is a whole number of grid steps.

    Args:
        grid_s: one step; 0 for no grid.
        since_s: by `clock`, when the request arrived.
        clock: seconds, monotonic.
    """
    if grid_s:
        taken_s = clock() - since_s
        await asyncio.sleep(math.ceil(taken_s / grid_s) * grid_s - taken_s)
