"""Say which extra is missing before a command that needs it fails on an import."""

from importlib.util import find_spec

from reticent.core import BadInput


def needs_guard() -> None:
    """Raise BadInput if the guard's libraries are not installed."""
    _needs("guard", ("cryptography", "httptools", "joserfc", "orjson", "starlette", "uvicorn"))


def needs_http() -> None:
    """Raise BadInput if the HTTP client is not installed."""
    _needs("http", ("urllib3",))


def needs_language() -> None:
    """Raise BadInput if the libraries of language models are not installed."""
    _needs("language", ("torch", "transformers", "tokenizers", "safetensors"))


def _needs(extra: str, modules: tuple[str, ...]) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise BadInput(
            f"This command needs {', '.join(missing)}, which is not installed.",
            way_out=f"pip install 'reticent[{extra}]'",
        )
