"""Ways to reach a model.

Each has its own module, loaded when first used: importing this package loads no library.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "CausalLM": "causal_lm",
    "FunctionTarget": "function",
    "HttpTarget": "http",
    "Memo": "memo",
    "OnnxTarget": "onnx",
    "OpenAIModel": "openai",
    "ReplayTarget": "replay",
    "SklearnTarget": "sklearn",
    "Target": "base",
    "TorchModel": "torch",
    "load_function": "function",
    "load_model": "files",
    "load_torch": "torch",
    "model_digest": "files",
    "open_http": "http",
    "open_language_model": "_language_files",
    "open_openai": "openai",
    "runs_code": "files",
    "save_model": "files",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
