"""Opens language models: a transformers folder, a GGUF file, a file of llama2.c (extra `language`).

Nothing is fetched from anywhere, and nothing in a file is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from reticent.core import BadInput, UntrustedFile
from reticent.targets._codec import Codec
from reticent.targets._llama2c import (
    BOS,
    EOS,
    Llama2cTokens,
    Shape,
    read_shape,
    read_tensors,
    read_tokens,
)
from reticent.targets.causal_lm import CausalLM

Dtype = Literal["float32", "bfloat16"]
_UNLIMITED = 1 << 20  # tokens; for models that declare no context


@final
@dataclass(frozen=True, slots=True, eq=False)
class FolderTokens:
    """A tokeniser of transformers."""

    tokeniser: Any

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, nothing added."""
        safe = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text
        return list(self.tokeniser(safe, add_special_tokens=False, verbose=False).input_ids)

    def decode(self, ids: list[int]) -> str:
        """Return what ids say, special tokens included."""
        said: str = self.tokeniser.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return said


def open_language_model(
    path: str | Path,
    *,
    tokeniser: str | Path | None = None,
    name: str = "",
    dtype: Dtype = "float32",
    trusted: bool = False,
    batch_texts: int = 32,
    batch_tokens: int = 4096,
) -> CausalLM:
    """Return the language model of a local folder or file.

    Args:
        path: a folder that `save_pretrained` wrote, a .gguf file, or a .bin file of llama2.c.
        tokeniser: the tokeniser's folder or file; None for the one beside the model.
        name: how messages call it; its file's name if empty.
        dtype: of the weights. "bfloat16" is faster and flips near ties.
        trusted: allow weights in a pickle, which can run code of its author's choosing.
        batch_texts: texts written at a time.
        batch_tokens: tokens scored at a time.

    Raises: BadInput for what cannot be used; UntrustedFile for a pickle without consent.
    """
    found = Path(path)
    if not found.exists():
        raise BadInput(f"Language model {str(path)!r} is not there.", way_out="Check the path.")
    if dtype not in ("float32", "bfloat16"):
        raise BadInput(f"There is no dtype {dtype!r}.", way_out='Use "float32" or "bfloat16".')
    with _told(found):
        if found.is_dir():
            model, codec = _folder(found, tokeniser, dtype, trusted)
        elif found.suffix == ".gguf":
            model, codec = _gguf(found, tokeniser, dtype)
        elif found.suffix == ".bin":
            model, codec = _llama2c(found, tokeniser, dtype)
        else:
            raise BadInput(
                f"{found} is neither a folder of transformers nor a .gguf or llama2.c .bin file.",
                way_out="Save the model with save_pretrained, and give the folder.",
            )
    config = model.config
    begin, ends = config.bos_token_id, config.eos_token_id
    if isinstance(codec, FolderTokens) and codec.tokeniser.bos_token_id is not None:
        begin = codec.tokeniser.bos_token_id
    many = ends if isinstance(ends, (list, tuple)) else [] if ends is None else [ends]
    return CausalLM(
        model=model,
        codec=codec,
        name=name or found.name,
        context=int(getattr(config, "max_position_embeddings", None) or _UNLIMITED),
        begin=begin if begin is not None else next(iter(many), None),
        ends=tuple(int(i) for i in many),
        batch_texts=batch_texts,
        batch_tokens=batch_tokens,
    )


def open_tokens(path: str | Path) -> tuple[FolderTokens, int]:
    """Return a tokeniser from its folder or tokenizer.json, and the number of its ids.

    Raises: BadInput for what cannot be used.
    """
    with _told(Path(path)):
        found = _tokens(path)
        return found, len(found.tokeniser)


def tokens_apart(path: str | Path, tokeniser: str | Path | None) -> Codec | None:
    """Return the tokeniser of a model that is not loaded; None if it cannot be had alone.

    Why it cannot is said where the model is opened.

    Args:
        path: as in `open_language_model`.
        tokeniser: likewise.
    """
    found = Path(path)
    try:
        with _told(found):
            if found.suffix == ".bin":
                return _llama2c_tokens(found, tokeniser, read_shape(found))
            if found.is_dir() or tokeniser is not None:
                return _tokens(tokeniser or found)
            return _gguf_tokens(found) if found.suffix == ".gguf" else None
    except BadInput:
        return None


def _folder(
    folder: Path, tokeniser: str | Path | None, dtype: Dtype, trusted: bool
) -> tuple[Any, FolderTokens]:
    auto = _transformers()
    safe = any(folder.glob("*.safetensors"))
    if not safe and any(folder.glob("*.bin")) and not trusted:
        raise UntrustedFile(
            f"The weights in {folder} are a pickle, which can run code when it is loaded.",
            way_out="Save them as safetensors, or say that you trust their author.",
        )
    model = auto.AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=_torch_dtype(dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=safe,
    )
    return model, _tokens(tokeniser or folder)


def _gguf(path: Path, tokeniser: str | Path | None, dtype: Dtype) -> tuple[Any, FolderTokens]:
    auto = _transformers()
    for needed in ("gguf", "accelerate"):
        _import(needed)
    # Weights left in blocks need a kernel that transformers would fetch from a hub.
    unpacked = getattr(auto, "GgufConfig", None)
    how = {} if unpacked is None else {"quantization_config": unpacked(dequantize=True)}
    with _quiet():
        model = auto.AutoModelForCausalLM.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            dtype=_torch_dtype(dtype),
            local_files_only=True,
            trust_remote_code=False,
            **how,
        )
        return model, _gguf_tokens(path) if tokeniser is None else _tokens(tokeniser)


def _gguf_tokens(path: Path) -> FolderTokens:
    with _quiet():
        found = _transformers().AutoTokenizer.from_pretrained(
            str(path.parent), gguf_file=path.name, local_files_only=True, trust_remote_code=False
        )
    return FolderTokens(found)


def _llama2c(path: Path, tokeniser: str | Path | None, dtype: Dtype) -> tuple[Any, Any]:
    import torch

    auto = _transformers()
    shape = read_shape(path)
    tokens = _llama2c_tokens(path, tokeniser, shape)
    config = auto.LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.dim,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=shape.tied,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=None,
    )
    tensors = read_tensors(path, shape)
    model = auto.LlamaForCausalLM(config)
    model.load_state_dict({key: torch.from_numpy(w.copy()) for key, w in tensors.items()})
    return model.to(_torch_dtype(dtype)), tokens


def _llama2c_tokens(path: Path, tokeniser: str | Path | None, shape: Shape) -> Llama2cTokens:
    beside = Path(tokeniser) if tokeniser else path.with_name(f"tok{shape.vocabulary}.bin")
    if not beside.is_file():
        raise BadInput(
            f"The tokeniser {beside} of {path.name} is not there.",
            way_out="Give it, or put it beside the model.",
        )
    return read_tokens(beside, vocabulary=shape.vocabulary)


def _tokens(path: str | Path) -> FolderTokens:
    auto = _transformers()
    found = Path(path)
    if found.is_file():
        return FolderTokens(auto.PreTrainedTokenizerFast(tokenizer_file=str(found)))
    return FolderTokens(
        auto.AutoTokenizer.from_pretrained(
            str(found), local_files_only=True, trust_remote_code=False
        )
    )


def _torch_dtype(dtype: Dtype) -> Any:
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever a library raises about a file into BadInput."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{path} cannot be loaded as a language model: {type(error).__name__}: {first}",
            way_out="Save it again with save_pretrained, its tokeniser beside it.",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing progress bars."""
    from transformers.utils import logging as found

    logging: Any = found

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _transformers() -> Any:
    return _import("transformers")


def _import(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        extra = "gguf" if name in ("gguf", "accelerate") else "language"
        raise BadInput(
            f"{name} is not installed, which this model needs.",
            way_out=f"Install it with: pip install 'reticent[{extra}]'.",
        ) from error
