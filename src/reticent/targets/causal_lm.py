"""Causal language models in process, through transformers (the extra `language`)."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch

from reticent.core import BadAnswer, BadInput, Channel, Floats, Ints
from reticent.core.language import GREEDY, Continuation, Sampling, TokenLogprobs
from reticent.targets._codec import Codec
from reticent.targets._token_scores import Scored, draw, score_tokens

_LOGITS = 1 << 24  # numbers in the logits that are held at once
_CACHED = 1 << 20  # of them that are worked on at once: a processor's own memory is much faster
_SAME = 1e-4  # logits that the head alone must agree to with the whole model


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CausalLM:
    """A transformers model for causal language modelling, on the CPU or where its weights are.

    It sees exactly the ids that it is given: nothing is put before or behind.

    Attributes:
        model: the model, such as a LlamaForCausalLM.
        codec: its tokeniser.
        name: how messages call it.
        context: most ids at a time.
        begin: id that stands at the beginning of a text; None if there is none.
        ends: ids that end a text.
        batch_texts: texts written at a time.
        batch_tokens: tokens scored at a time; more are slower, as they leave the processor's cache.
    """

    model: Any
    codec: Codec
    name: str
    context: int
    begin: int | None = None
    ends: tuple[int, ...] = ()
    batch_texts: int = 32
    batch_tokens: int = 1024
    _head: Any = field(init=False, repr=False)
    _last_only: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.model.eval()
        object.__setattr__(self, "_head", _plain_head(self.model))
        takes = inspect.signature(self.model.forward).parameters
        object.__setattr__(self, "_last_only", "logits_to_keep" in takes)

    @property
    def channels(self) -> Channel:
        """Return TOKENS, LOGPROBS and WEIGHTS."""
        return Channel.TOKENS | Channel.LOGPROBS | Channel.WEIGHTS

    @property
    def unit(self) -> str:
        """Return "token"."""
        return "token"

    @property
    def vocabulary(self) -> int:
        """Return the rows of the model's table of tokens."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    @property
    def tie_margin(self) -> float:
        """Return 0.001 for float32; in bfloat16 logits are multiples of 1/16 and more."""
        return 1e-3 if self.model.dtype == torch.float32 else 0.5

    @property
    def forces_whole(self) -> bool:
        """Return that a text costs one query."""
        return True

    def tokens(self, text: str) -> Ints:
        """Return (t,) the ids of a text, nothing added."""
        return np.array(self.codec.encode(text), dtype=np.int64)

    def text(self, tokens: Ints) -> str:
        """Return what ids say."""
        return self.codec.decode(tokens.tolist())

    def logprobs(
        self,
        texts: Sequence[Ints],
        *,
        first: Sequence[int],
        sampling: Sampling | None = None,
        alternatives: int = 0,
        moments: bool = False,
    ) -> list[TokenLogprobs]:
        """Return what the model says to each token, in one pass a batch; see `LanguageModel`."""
        for i, (ids, start) in enumerate(zip(texts, first, strict=True)):
            self._check(ids, 0, f"Text {i}")
            if start < 1:
                raise BadInput(
                    f"Text {i} is asked about from token {start} on.",
                    way_out="Nothing stands before token 0: begin at 1.",
                )
        found: list[TokenLogprobs | None] = [None] * len(texts)
        for batch in self._batches([len(ids) for ids in texts]):
            scored = self._scored(
                [texts[i] for i in batch],
                [first[i] for i in batch],
                sampling,
                alternatives,
                moments,
            )
            for i, each in zip(batch, scored, strict=True):
                found[i] = each
        return [each for each in found if each is not None]

    def generate(
        self,
        prompts: Sequence[Ints],
        *,
        new_tokens: int,
        n: int = 1,
        sampling: Sampling = GREEDY,
        seed: int = 0,
    ) -> list[Continuation]:
        """Return `n` continuations of each prompt; see `LanguageModel`."""
        given = [self._begun(ids, i, new_tokens) for i, ids in enumerate(prompts)]
        draws = np.random.default_rng(seed).random((len(given) * n, new_tokens))
        rows = sorted(range(len(given) * n), key=lambda row: (len(given[row // n]), row))
        found: list[Continuation | None] = [None] * len(rows)
        for start in range(0, len(rows), self.batch_texts):
            batch = rows[start : start + self.batch_texts]
            written = self._written([given[row // n] for row in batch], draws[batch], sampling)
            for row, (ids, ended, said) in zip(batch, written, strict=True):
                found[row] = Continuation(prompt=row // n, tokens=ids, ended=ended, logprobs=said)
        return [each for each in found if each is not None]

    def weights(self) -> object:
        """Return the transformers model."""
        return self.model

    def _scored(
        self,
        texts: Sequence[Ints],
        first: Sequence[int],
        sampling: Sampling | None,
        alternatives: int,
        moments: bool,
    ) -> list[TokenLogprobs]:
        """Return what is said of the texts of one batch.

        What is padded stands behind a text, where a causal model cannot see it. A text's last
        token need not be read: what comes after it is not asked.
        """
        read = [ids[:-1] for ids in texts]
        table = np.zeros((len(texts), max([1, *map(len, read)])), dtype=np.int64)
        for i, ids in enumerate(read):
            table[i, : len(ids)] = ids
        places = [(i, t) for i, ids in enumerate(texts) for t in range(first[i], len(ids))]
        rows = np.array([i for i, _ in places], dtype=np.int64)
        spots = np.array([t for _, t in places], dtype=np.int64)
        wanted = np.array([texts[i][t] for i, t in places], dtype=np.int64)
        parts: list[Scored] = []
        with torch.inference_mode():
            states: Any = self._states(torch.from_numpy(table)) if places else None
            step, few = (max(1, most // self.vocabulary) for most in (_LOGITS, _CACHED))
            for start in range(0, len(places), step):
                r, t = rows[start : start + step], spots[start : start + step]
                logits = self._logits(states[torch.from_numpy(r), torch.from_numpy(t - 1)])
                tokens = torch.from_numpy(wanted[start : start + step])
                for at in range(0, len(logits), few):
                    scored = score_tokens(
                        logits[at : at + few],
                        tokens[at : at + few],
                        sampling=sampling,
                        alternatives=alternatives,
                        moments=moments,
                    )
                    if not bool(torch.isfinite(scored.totals).all()):
                        raise self._overflown()
                    parts.append(scored)
        return [
            _spread(parts, rows == i, spots[rows == i], len(ids)) for i, ids in enumerate(texts)
        ]

    def _states(self, ids: torch.Tensor) -> Any:
        """Return what the head is applied to, (b, t, d); the logits if it cannot be split off."""
        if self._head is None:
            return self.model(input_ids=ids, use_cache=False).logits
        return self.model.base_model(input_ids=ids, use_cache=False).last_hidden_state

    def _logits(self, states: torch.Tensor) -> Any:
        return states if self._head is None else self._head(states)

    def _written(
        self, prompts: Sequence[Ints], draws: Floats, sampling: Sampling
    ) -> list[tuple[Ints, bool, Floats]]:
        """Return ids, whether the model ended them, and their scores, for one batch.

        Equal prompts are read once. Shorter ones are padded on the left, masked, and their
        positions count from their own first token.
        """
        new_tokens = draws.shape[1]
        written = np.zeros((len(prompts), new_tokens), dtype=np.int64)
        said = np.zeros((len(prompts), new_tokens))
        lengths = np.zeros(len(prompts), dtype=np.int64)
        ended = np.zeros(len(prompts), dtype=bool)
        with torch.inference_mode():
            logits, cache, mask, place = self._read(prompts)
            live = np.arange(len(prompts))
            for t in range(new_tokens):
                tokens = draw(logits, draws[live, t], sampling)
                scores = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(1)
                done = np.isin(tokens.numpy(), self.ends)
                going = live[~done]
                written[going, t] = tokens.numpy()[~done]
                said[going, t] = scores.double().numpy()[~done]
                lengths[going] = t + 1
                ended[live[done]] = True
                if t + 1 == new_tokens or not len(going):
                    break
                if done.any():
                    keep = torch.from_numpy(np.flatnonzero(~done))
                    live, tokens, place = going, tokens[keep], place[keep]
                    cache.batch_select_indices(keep)
                    mask = None if mask is None else mask[keep]
                if mask is not None:
                    mask = torch.cat([mask, torch.ones((len(live), 1), dtype=mask.dtype)], dim=1)
                out = self.model(
                    input_ids=tokens[:, None],
                    attention_mask=mask,
                    position_ids=place[:, None],
                    past_key_values=cache,
                    use_cache=True,
                )
                cache, place = out.past_key_values, place + 1
                logits = self._finite(out.logits[:, -1])
        return [
            (written[i, : lengths[i]], bool(ended[i]), said[i, : lengths[i]])
            for i in range(len(prompts))
        ]

    def _read(
        self, prompts: Sequence[Ints]
    ) -> tuple[torch.Tensor, Any, torch.Tensor | None, torch.Tensor]:
        """Return logits, cache, mask (None if nothing is padded) and next position of prompts."""
        places: dict[bytes, int] = {}
        which = [places.setdefault(ids.tobytes(), len(places)) for ids in prompts]
        distinct = [prompts[which.index(j)] for j in range(len(places))]
        widest = max(len(ids) for ids in distinct)
        table = np.zeros((len(distinct), widest), dtype=np.int64)
        mask = np.zeros((len(distinct), widest), dtype=np.int64)
        for j, ids in enumerate(distinct):
            table[j, widest - len(ids) :] = ids
            mask[j, widest - len(ids) :] = 1
        padded = None if mask.all() else torch.from_numpy(mask)
        positions = torch.from_numpy(np.maximum(mask.cumsum(axis=1) - 1, 0))
        out = self.model(
            input_ids=torch.from_numpy(table),
            attention_mask=padded,
            position_ids=positions,
            use_cache=True,
            **({"logits_to_keep": 1} if self._last_only else {}),
        )
        cache, logits = out.past_key_values, self._finite(out.logits[:, -1])
        place = positions[:, -1] + 1
        if len(distinct) < len(prompts):
            index = torch.tensor(which)
            cache.batch_select_indices(index)
            logits, place = logits[index], place[index]
            padded = None if padded is None else padded[index]
        return logits, cache, padded, place

    def _finite(self, logits: torch.Tensor) -> torch.Tensor:
        if not bool(torch.isfinite(logits).all()):
            raise self._overflown()
        return logits.float()

    def _overflown(self) -> BadAnswer:
        return BadAnswer(
            f"{self.name} answered logits that are not finite.", way_out='Load it in "float32".'
        )

    def _begun(self, ids: Ints, i: int, new_tokens: int) -> Ints:
        if len(ids):
            self._check(ids, new_tokens, f"Prompt {i}")
            return ids
        if self.begin is None:
            raise BadInput(
                f"Prompt {i} is empty, and {self.name} has no token for the beginning of a text.",
                way_out="Give it at least one token to begin with.",
            )
        return np.array([self.begin], dtype=np.int64)

    def _check(self, ids: Ints, new_tokens: int, what: str) -> None:
        if len(ids) + new_tokens > self.context:
            more = f" and {new_tokens} to come" if new_tokens else ""
            raise BadInput(
                f"{what} has {len(ids)} tokens{more}; {self.name} takes {self.context} in all.",
                way_out="Cut it into shorter passages.",
            )
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self.vocabulary:
            raise BadInput(
                f"{what} has ids from {ids.min()} to {ids.max()}; {self.name} knows those below "
                f"{self.vocabulary}.",
                way_out="Use the model's own tokeniser.",
            )

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield the texts of each pass, those of like length together."""
        most = self.batch_tokens
        if self._head is None:  # every position's logits are made at once
            most = min(most, _LOGITS // self.vocabulary)
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
            if batch and (len(batch) + 1) * lengths[i] > most:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch


def _plain_head(model: Any) -> Any:
    """Return the model's last layer if it is all that stands between states and logits.

    Some models scale or cap their logits after it; these are asked as a whole.
    """
    head = model.get_output_embeddings()
    if head is None or model.base_model is model:
        return None
    ids = torch.arange(4)[None, :] % int(model.get_input_embeddings().weight.shape[0])
    with torch.inference_mode():
        whole = model(input_ids=ids, use_cache=False).logits.float()
        apart = head(model.base_model(input_ids=ids, use_cache=False).last_hidden_state).float()
    near = _SAME * max(1.0, float(whole.abs().max()))
    return head if bool((whole - apart).abs().max() <= near) else None


def _spread(parts: Sequence[Scored], mine: Any, spots: Ints, size: int) -> TokenLogprobs:
    """Return one text's part of what was scored, each number at its token's place."""

    def put(field_name: str, fill: float = np.nan) -> Any:
        found = [getattr(part, field_name) for part in parts]
        if not found or found[0] is None:
            return None
        values = torch.cat(found).numpy()[mine]
        kind = np.int64 if values.dtype.kind == "i" else np.float64
        out = np.full((size, *values.shape[1:]), -1 if kind is np.int64 else fill, dtype=kind)
        out[spots] = values
        return out

    if not parts:
        nothing = np.full(size, np.nan)
        return TokenLogprobs(
            logprobs=nothing, ranks=np.full(size, -1, dtype=np.int64), margins=nothing
        )
    return TokenLogprobs(
        logprobs=put("logprobs"),
        ranks=put("ranks"),
        margins=put("margins"),
        sampled=put("sampled"),
        means=put("means"),
        spreads=put("spreads"),
        others=put("others"),
        other_logprobs=put("other_logprobs"),
    )
