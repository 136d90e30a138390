"""Name the missing extra where the compiled loops are needed and numba is not installed."""

from types import ModuleType

from reticent.core import BadInput


def compiled() -> ModuleType:
    """Return `reticent.textindex.kernels`.

    Raises: BadInput if numba is not installed.
    """
    try:
        from reticent.textindex import kernels
    except ImportError as error:
        if error.name != "numba":
            raise
        raise BadInput(
            "The text filter needs numba, which is not installed.",
            way_out="pip install 'reticent[textfilter]'",
        ) from error
    return kernels
