"""Sentence embedders: transformers folders, static token tables, functions.

All take texts as `core.as_texts` lays them out and answer with `Answer.embeddings`, (n, d).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from reticent.core import Answer, BadInput, Channel, Floats, Inputs, NotExposed, check_raw, texts_of
from reticent.targets._raw import guarded

Precision = Literal["float32", "bfloat16"]
Pooling = Literal["mean", "cls"]


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EmbedderTarget:
    """A function from texts to vectors, as a target. Build it with one of the `*_embedder`s.

    Attributes:
        embed: takes n texts, returns (n, d) numbers.
        name: how messages call it.
    """

    embed: Callable[[Sequence[str]], Any]
    name: str = "embedder"

    @property
    def channels(self) -> Channel:
        """Return EMBEDDING."""
        return Channel.EMBEDDING

    @property
    def classes(self) -> tuple[object, ...]:
        """Return no classes."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return no columns: a text has no name."""
        return ()

    def answer(self, x: Inputs) -> Answer:
        """Return the vector of each text.

        Raises: BadInput for rows that are no single text; BadAnswer if the model raised or
            answered something else than finite vectors.
        """
        texts = texts_of(x)
        raw = guarded(lambda: np.asarray(self.embed(texts), dtype=np.float64), model=self.name)
        return check_raw(Answer(embeddings=raw), questions=len(texts), model=self.name)

    def weights(self) -> object:
        """Raise NotExposed: the attacks on embeddings need none."""
        raise NotExposed(
            f"{self.name} is audited as an endpoint; it hands out no weights.",
            way_out="Choose an attack that works through the vectors.",
        )


def transformers_embedder(
    folder: Path | str,
    *,
    name: str = "",
    pooling: Pooling = "mean",
    normalise: bool = True,
    most_tokens: int = 256,
    batch_texts: int = 32,
    precision: Precision = "float32",
) -> EmbedderTarget:
    """Return an encoder in a local folder (the extra `language`) as a target.

    Texts of like length are run together, and none longer than `most_tokens` is seen whole.

    Args:
        folder: config, weights (safetensors) and tokenizer, as `save_pretrained` writes them.
        name: how messages call it; the folder's name if empty.
        pooling: the mean of the tokens' vectors, or the first token's.
        normalise: bring every vector to length 1.
        most_tokens: where texts are cut, special tokens included.
        batch_texts: texts run at a time.
        precision: of the arithmetic; an adversary's copy may be coarser than the original.

    Raises: BadInput if the extra is missing, or the folder holds no encoder.
    """
    torch, transformers = _language()
    path = Path(folder)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path), local_files_only=True)
        with _without_progress(transformers):
            model = transformers.AutoModel.from_pretrained(
                str(path),
                local_files_only=True,
                dtype=getattr(torch, precision),
                use_safetensors=True,
            ).eval()
    except (OSError, ValueError, KeyError) as error:
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{path} holds no encoder that transformers can read: {said}",
            way_out="Give the folder that save_pretrained wrote: config.json, tokenizer.json, "
            "model.safetensors.",
        ) from error

    def embed(texts: Sequence[str]) -> Floats:
        # The tokenizer refuses lone surrogates; they are what a broken decoder left.
        plain = [text.encode("utf-8", "replace").decode() for text in texts]
        if not plain:
            return np.empty((0, int(model.config.hidden_size)))
        ids = tokenizer(plain, truncation=True, max_length=most_tokens)["input_ids"]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.empty((len(ids), int(model.config.hidden_size)))
        for start in range(0, len(order), batch_texts):
            rows = order[start : start + batch_texts]
            out[rows] = _pooled(torch, model, [ids[i] for i in rows], pooling)
        if normalise:
            out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out

    return EmbedderTarget(embed=embed, name=name or path.name)


def _pooled(torch: Any, model: Any, ids: Sequence[Sequence[int]], pooling: Pooling) -> Floats:
    """Return (n, d) pooled vectors of one batch."""
    width = max(map(len, ids))
    tokens = torch.zeros(len(ids), width, dtype=torch.long)
    mask = torch.zeros(len(ids), width, dtype=torch.long)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = torch.tensor(one)
        mask[row, : len(one)] = 1
    with torch.inference_mode():
        states = model(input_ids=tokens, attention_mask=mask).last_hidden_state.double()
        if pooling == "cls":
            return np.asarray(states[:, 0].numpy())
        kept = mask[..., None]
        return np.asarray(((states * kept).sum(1) / kept.sum(1)).numpy())


@contextmanager
def _without_progress(transformers: Any) -> Iterator[None]:
    """Keep transformers from drawing a bar of its own while weights are read."""
    bars = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


def _language() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        raise BadInput(
            f"A transformers encoder needs {error.name}, which is not installed.",
            way_out='pip install "reticent[language]"',
        ) from error
    return torch, transformers


def static_embedder(
    table: Floats,
    tokenize: Callable[[str], Sequence[int]],
    *,
    name: str = "static embedder",
    normalise: bool = True,
) -> EmbedderTarget:
    """Return a table of one vector a token as a target: the mean of a text's tokens.

    That is what model2vec and WordLlama are. A text without a known token is the zero vector.

    Args:
        table: (vocabulary, d).
        tokenize: a text's token ids; those outside the table are left out.
        name: how messages call it.
        normalise: bring every vector to length 1.
    """

    def embed(texts: Sequence[str]) -> Floats:
        out = np.zeros((len(texts), table.shape[1]))
        for row, text in enumerate(texts):
            ids = np.asarray(tokenize(text), dtype=np.int64)
            ids = ids[(ids >= 0) & (ids < len(table))]
            if len(ids):
                out[row] = table[ids].mean(axis=0)
        if normalise:
            out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
        return out

    return EmbedderTarget(embed=embed, name=name)


def open_static(
    weights: Path | str, tokenizer: Path | str, *, tensor: str = "", name: str = ""
) -> EmbedderTarget:
    """Return a static embedder from a safetensors file and a tokenizer.json.

    Args:
        weights: a safetensors file with a (vocabulary, d) tensor.
        tokenizer: a tokenizers JSON file.
        tensor: its name; the only tensor with two dimensions if empty.
        name: how messages call it; the file's name if empty.

    Raises: BadInput if the extra `language` is missing, or a file cannot be used.
    """
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise BadInput(
            f"A static embedder needs {error.name}, which is not installed.",
            way_out='pip install "reticent[language]"',
        ) from error
    try:
        tensors = load_file(str(weights))
        reader = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # both libraries raise bare exceptions of their own
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{weights} and {tokenizer} make no static embedder: {said}",
            way_out="Give a safetensors file and the tokenizer.json that belongs to it.",
        ) from error
    tables = [n for n, t in tensors.items() if t.ndim == 2 and (not tensor or n == tensor)]
    if len(tables) != 1:
        raise BadInput(
            f"{weights} has {len(tables)} tables that fit, of the tensors {sorted(tensors)}.",
            way_out="Name the one with a row a token.",
        )
    return static_embedder(
        tensors[tables[0]].astype(np.float64),
        lambda text: reader.encode(text, add_special_tokens=False).ids,
        name=name or Path(weights).stem,
    )
