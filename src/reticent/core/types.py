"""Array aliases. Shapes live in docstrings; dtypes live here."""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

#: One column of any type, shape (n,).
Column: TypeAlias = NDArray[Any]

#: What a model is asked about: a table of named columns, or an array of shape (n, ...).
Inputs: TypeAlias = "pd.DataFrame | NDArray[np.float64]"
