"""Which rows of one table stand in another, up to rounding."""

import numpy as np

from reticent.core import Bools, Floats

ROW_TOL = 1e-5  # float32 keeps seven digits; scaling back and forth costs one or two


def match_rows(found: Floats, rows: Floats, tol: float = ROW_TOL) -> Bools:
    """Return (n,) whether each row of `rows` stands in `found`.

    Two rows are the same if no entry differs by more than `tol` times the larger of 1 and the
    column's largest magnitude in `rows`; NaN equals NaN.

    Args:
        found: (r, d) rows that were recovered.
        rows: (n, d) rows to look for.
        tol: relative half-width, > 0.

    Raises: ValueError if the tables differ in width.

    >>> match_rows(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0000001], [1.0, 3.0]])).tolist()
    [True, False]
    """
    from scipy.spatial import cKDTree

    if found.ndim != 2 or rows.ndim != 2 or found.shape[1] != rows.shape[1]:
        raise ValueError(f"tables of one width are needed, got {found.shape} and {rows.shape}")
    if len(found) == 0 or len(rows) == 0 or rows.shape[1] == 0:
        return np.zeros(len(rows), dtype=bool)
    size = np.maximum(1.0, np.nanmax(np.abs(rows), axis=0, initial=0.0))
    # One value stands for NaN, far outside everything else; a tree takes finite points only.
    missing = 4.0 + np.nanmax(np.abs(found) / size, initial=1.0)
    there = np.unique(np.nan_to_num(found / size, nan=missing), axis=0)
    wanted = np.nan_to_num(rows / size, nan=missing)
    distance = cKDTree(there).query(wanted, p=np.inf, distance_upper_bound=tol * (1 + 1e-9))[0]
    same: Bools = np.isfinite(distance)
    return same
