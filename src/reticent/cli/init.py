"""`reticent init`: a reticent.toml from a model and its data."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    model: Annotated[str, typer.Argument(help="Model file, or package.module:function.")],
    data: Annotated[str, typer.Argument(help="The training data: CSV, Parquet or Arrow.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("reticent.toml"),
) -> None:
    """Write a commented reticent.toml from a model and its data."""
    raise NotImplementedError
