"""The legacy format of llama2.c: seven integers, then the weights, stacked over layers.

Source: https://github.com/karpathy/llama2.c, export.py (version 0) and run.c.
"""

import struct
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from typing import Any, final

import numpy as np

from reticent.core import BadInput

_HEADER = struct.Struct("<7i")
_TOKEN = struct.Struct("<fi")
_MOST = 1 << 20  # for any number of the header
BOS, EOS = 1, 2
_JOINED = -1  # in the place of what is part of the token before it now


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The header: sizes of a Llama; `tied` if the head is the table of tokens."""

    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int
    tied: bool


def read_shape(path: Path) -> Shape:
    """Return the header of a file.

    Raises: BadInput if it is no model of this format.
    """
    with path.open("rb") as file:
        found = file.read(_HEADER.size)
    values = _HEADER.unpack(found) if len(found) == _HEADER.size else (0,) * 7
    dim, hidden, layers, heads, kv_heads, vocabulary, context = values
    plain = (dim, hidden, layers, heads, kv_heads, abs(vocabulary), context)
    if not all(0 < value <= _MOST for value in plain) or dim % heads or heads % kv_heads:
        raise BadInput(
            f"{path} is no model in llama2.c's legacy format: its header says {list(values)}.",
            way_out="Export it with version 0 of llama2.c's export.py.",
        )
    return Shape(
        dim=dim,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        vocabulary=abs(vocabulary),
        context=context,
        tied=vocabulary > 0,
    )


def read_tensors(path: Path, shape: Shape) -> dict[str, Any]:
    """Return the weights under transformers' names for a Llama, as float32 arrays.

    Raises: BadInput for a file that is too short or too long.
    """
    flat = np.fromfile(path, dtype="<f4", offset=_HEADER.size)
    d, f, n, v = shape.dim, shape.hidden, shape.layers, shape.vocabulary
    size = d // shape.heads
    kv = shape.kv_heads * size
    tables = 2 * shape.context * (size // 2)
    parts = {
        "tokens": (v, d),
        "att_norm": (n, d),
        "q": (n, d, d),
        "k": (n, kv, d),
        "v": (n, kv, d),
        "o": (n, d, d),
        "ffn_norm": (n, d),
        "gate": (n, f, d),
        "down": (n, d, f),
        "up": (n, f, d),
        "norm": (d,),
        "rope": (tables,),
    } | ({} if shape.tied else {"head": (v, d)})
    wanted = sum(int(np.prod(part)) for part in parts.values())
    if len(flat) != wanted:
        raise BadInput(
            f"{path} holds {len(flat)} numbers; its header asks for {wanted}.",
            way_out="The file is cut off, or of another version: export it again.",
        )
    at, cut = 0, {}
    for name, part in parts.items():
        count = int(np.prod(part))
        cut[name] = flat[at : at + count].reshape(part)
        at += count
    tensors = {
        "model.embed_tokens.weight": cut["tokens"],
        "model.norm.weight": cut["norm"],
        "lm_head.weight": cut.get("head", cut["tokens"]),
    }
    for i in range(n):
        layer = f"model.layers.{i}"
        tensors |= {
            f"{layer}.input_layernorm.weight": cut["att_norm"][i],
            f"{layer}.post_attention_layernorm.weight": cut["ffn_norm"][i],
            f"{layer}.self_attn.q_proj.weight": _halves(cut["q"][i], shape.heads),
            f"{layer}.self_attn.k_proj.weight": _halves(cut["k"][i], shape.kv_heads),
            f"{layer}.self_attn.v_proj.weight": cut["v"][i],
            f"{layer}.self_attn.o_proj.weight": cut["o"][i],
            f"{layer}.mlp.gate_proj.weight": cut["gate"][i],
            f"{layer}.mlp.down_proj.weight": cut["down"][i],
            f"{layer}.mlp.up_proj.weight": cut["up"][i],
        }
    return tensors


def _halves(weight: Any, heads: int) -> Any:
    """Return rows in transformers' order: llama2.c turns neighbours, transformers turns halves."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.transpose(0, 2, 1, 3).reshape(rows, columns)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Llama2cTokens:
    """llama2.c's tokeniser: characters, then bytes, then the best-scored pair again and again.

    Attributes:
        pieces: the bytes of each id.
        scores: of each id, higher merges first.
    """

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]
    _ids: dict[bytes, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = {piece: i for i, piece in reversed(list(enumerate(self.pieces)))}
        object.__setattr__(self, "_ids", ids)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; like llama2.c, with a space put before it."""
        ids: list[int] = []
        for character in " " + text if text else "":
            body = character.encode("utf-8", "replace")
            known = self._ids.get(body)
            ids.extend([known] if known is not None else [byte + 3 for byte in body])
        return self._merged(ids)

    def _merged(self, ids: list[int]) -> list[int]:
        """Join the best-scored pair again and again, the first of equals.

        A heap of pairs over a linked list: the time of a long line grows hardly faster than it.
        """
        after = list(range(1, len(ids) + 1))
        before = list(range(-1, len(ids) - 1))
        heap: list[tuple[float, int, int, int, int]] = []

        def offer(left: int) -> None:
            right = after[left]
            if right == len(ids):
                return
            merged = self._ids.get(self.pieces[ids[left]] + self.pieces[ids[right]])
            if merged is not None and self.scores[merged] > -np.inf:
                heappush(heap, (-self.scores[merged], left, ids[left], ids[right], merged))

        for left in range(len(ids)):
            offer(left)
        while heap:
            _, left, one, other, merged = heappop(heap)
            right = after[left]
            if ids[left] != one or right == len(ids) or ids[right] != other:
                continue  # one of the two was joined with another meanwhile
            ids[left], ids[right] = merged, _JOINED
            after[left] = after[right]
            if after[right] < len(ids):
                before[after[right]] = left
            offer(left)
            if before[left] >= 0:
                offer(before[left])
        return [i for i in ids if i != _JOINED]

    def decode(self, ids: list[int]) -> str:
        """Return what ids say; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self._said(i) for i in ids).decode("utf-8", "replace").removeprefix(" ")

    def _said(self, i: int) -> bytes:
        if i in (BOS, EOS):
            return b""
        return bytes([i - 3]) if 3 <= i < 259 else self.pieces[i]


def read_tokens(path: Path, *, vocabulary: int) -> Llama2cTokens:
    """Return the tokeniser of a file.

    Raises: BadInput if it is none, or for another vocabulary.
    """
    body = path.read_bytes()
    at = 4
    pieces: list[bytes] = []
    scores: list[float] = []
    while at + _TOKEN.size <= len(body) and len(pieces) < vocabulary:
        score, size = _TOKEN.unpack_from(body, at)
        at += _TOKEN.size
        if not 0 <= size <= len(body) - at:
            break
        pieces.append(body[at : at + size])
        scores.append(score)
        at += size
    if len(pieces) != vocabulary or at != len(body):
        raise BadInput(
            f"{path} is no tokeniser of llama2.c for {vocabulary} tokens.",
            way_out="Give the one that the model was trained with.",
        )
    return Llama2cTokens(tuple(pieces), tuple(scores))
