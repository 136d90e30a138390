"""The n-gram model behind a real OpenAI-compatible completions endpoint on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from targets.endpoint import Said, served

from reticent.core.language import Sampling
from reticent.protocols import WireRequest
from reticent.testing.ngram_lm import SIGNS, NGramModel


@dataclass
class Endpoint:
    """Answers completions one letter a token, and keeps count.

    Attributes:
        model: what writes.
        ignores_logprobs: as some servers do.
        busy: replies to give before anything else, status and headers.
        dies_after: requests after which it is busy for good; None for never.
    """

    model: NGramModel
    ignores_logprobs: bool = False
    busy: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    dies_after: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: WireRequest, headers: dict[str, str]) -> Said:
        if self.busy:
            status, extra = self.busy.pop(0)
            return status, b"{}", extra
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            return 503, b"{}", {}
        body = json.loads(request.body)
        self.asked.append(body)
        warm = body["temperature"]
        (written,) = self.model.generate(
            [self.model.tokens(body["prompt"])],
            new_tokens=body["max_tokens"],
            sampling=Sampling(temperature=warm),
            seed=body.get("seed", 0),
        )
        choice: dict[str, Any] = {
            "index": 0,
            "text": self.model.text(written.tokens),
            "finish_reason": "length",
            "logprobs": None,
        }
        if "logprobs" in body and not self.ignores_logprobs:
            choice["logprobs"] = self._scores(body["prompt"], written.tokens, body["logprobs"])
        return 200, json.dumps({"object": "text_completion", "choices": [choice]}).encode(), {}

    def _scores(self, prompt: str, tokens: Any, most: int) -> dict[str, Any]:
        given = self.model.tokens(prompt)
        whole = np.concatenate([given, tokens])
        start = max(len(given), 1)
        (said,) = self.model.logprobs([whole], first=[start], alternatives=most)
        assert said.others is not None
        assert said.other_logprobs is not None
        return {
            "tokens": [SIGNS[i] for i in tokens],
            "token_logprobs": said.logprobs[start:].tolist(),
            "top_logprobs": [
                {SIGNS[i]: p for i, p in zip(ids, ps, strict=True)}
                for ids, ps in zip(
                    said.others[start:].tolist(), said.other_logprobs[start:].tolist(), strict=True
                )
            ],
            "text_offset": list(range(len(tokens))),
        }


@contextmanager
def completions(endpoint: Endpoint) -> Iterator[str]:
    """Serve an endpoint; give its URL."""
    with served(endpoint) as url:
        yield url
