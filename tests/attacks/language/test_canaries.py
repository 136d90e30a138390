import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from attacks.language.ngrams import ALPHABET, Trigram, tokens

from reticent.attacks.language import canaries as module
from reticent.attacks.language._canary_format import (
    Canary,
    CanaryFormat,
    digits,
    hexadecimal,
    names,
)
from reticent.attacks.language.canaries import CanaryExposure
from reticent.audit.language.canary_grade import NULL_BITS, grade_canaries
from reticent.core import BadInput, Channel, Floats, Ints
from reticent.core.language import TokenLogprobs
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_access import WRITTEN, TextAccess


@dataclass(frozen=True)
class Target:
    """A trigram model behind the contract of language models."""

    model: Trigram
    name: str = "trigram"
    channels: Channel = Channel.TOKENS | Channel.LOGPROBS | Channel.WEIGHTS
    unit: str = "token"
    vocabulary: int = len(ALPHABET)
    context: int = 1000
    begin: int | None = None
    forces_whole: bool = True
    tie_margin: float = 0.0

    def tokens(self, text: str) -> Ints:
        return tokens(text)

    def text(self, ids: Ints) -> str:
        return "".join(ALPHABET[i] for i in ids)

    def logprobs(self, texts: Any, *, first: Any, **_: Any) -> list[TokenLogprobs]:
        found = []
        for ids, start in zip(texts, first, strict=True):
            said = np.full(len(ids), np.nan)
            for t in range(max(start, 2), len(ids)):
                said[t] = self.model.logprobs[ids[t - 2], ids[t - 1], ids[t]]
            found.append(
                TokenLogprobs(logprobs=said, ranks=np.zeros(len(ids), np.int64), margins=said)
            )
        return found

    def generate(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def weights(self) -> object:
        return self.model


def door(model: Trigram, exposed: Channel = WRITTEN | Channel.WEIGHTS) -> TextAccess:
    return TextAccess(
        target=Target(model),
        policy=Policy(()),
        ledger=QueryLedger(None),
        token_ledger=QueryLedger(None),
        identity="a",
        exposed=exposed,
    )


@pytest.fixture(autouse=True)
def _trigrams_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "cached", lambda weights, *, name: weights)


def made(form: CanaryFormat, count: int, seed: int = 0) -> list[Canary]:
    rng = np.random.default_rng(seed)
    return [
        Canary(
            before=f"the code of {chr(97 + i % 26)}{chr(97 + i // 26)} is",
            secret=form.draw(rng),
            format=form,
        )
        for i in range(count)
    ]


def taught(canaries: list[Canary], nats: float, spread: float = 0.3) -> Trigram:
    """Return a model that likes the canaries' own sequences of three ids."""
    model = Trigram.random(1, spread=spread)
    logits = model.logprobs.copy()
    for canary in canaries:
        ids = tokens(canary.text)
        for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
            logits[a, b, c] += nats
    return Trigram(logits - np.log(np.exp(logits).sum(axis=2, keepdims=True)), [])


def true_bits(model: Trigram, canary: Canary) -> float:
    prefix = tokens(canary.before)
    secrets = ["".join(p) for p in itertools.product(*canary.format.slots)]
    each = np.array([model.whole(prefix, tokens(canary.joint + s)) for s in secrets])
    own = each[secrets.index(canary.secret)]
    return canary.format.bits - math.log2((each > own + 1e-9).sum() + 1)


def test_exposure_of_a_taught_canary_is_exact_and_full() -> None:
    canaries = made(digits(4), 3)
    model = taught(canaries[:1], 8.0)
    found = CanaryExposure().run(door(model), canaries, np.random.default_rng(0)).exposures
    assert found[0].method == "exact"
    assert not found[0].estimated
    assert found[0].bits == found[0].upper == pytest.approx(true_bits(model, canaries[0]))
    assert found[0].bits > 12.0
    assert found[0].bits <= found[0].space_bits == pytest.approx(math.log2(10_000))


@pytest.mark.parametrize("most_expanded", [30, 100_000])
@pytest.mark.parametrize(
    "exposed", [Channel.WEIGHTS, Channel.LOGPROBS], ids=["weights", "logprobs"]
)
def test_intervals_hold_the_truth(most_expanded: int, exposed: Channel) -> None:
    canaries = made(digits(3), 30)
    model = taught(canaries[:10], 2.0, spread=0.6)
    attack = CanaryExposure(most_expanded=most_expanded, confidence=0.99, batch=8)
    found = attack.run(door(model, exposed), canaries, np.random.default_rng(1)).exposures
    truth = [true_bits(model, canary) for canary in canaries]
    inside = [e.lower - 1e-6 <= t <= e.upper + 1e-6 for e, t in zip(found, truth, strict=True)]
    assert sum(inside) >= 28
    assert all(e.lower <= e.bits <= e.upper for e in found)
    exact = [(e.bits, t) for e, t in zip(found, truth, strict=True) if e.method == "exact"]
    assert all(bits == pytest.approx(t) for bits, t in exact)
    assert bool(exact) == (exposed is Channel.WEIGHTS)
    estimated = [e for e in found if e.estimated]
    assert {e.method for e in estimated} <= {"drawn by the model", "drawn uniformly", "tail"}
    if exposed is Channel.WEIGHTS and most_expanded == 30:
        assert "drawn by the model" in {e.method for e in estimated}


def test_scores_alone_are_marked_as_estimates_and_paid_for() -> None:
    canaries = made(digits(4), 2)
    access = door(taught(canaries[:1], 8.0), Channel.LOGPROBS)
    claim = CanaryExposure(draws=64).run(access, canaries, np.random.default_rng(7))
    assert claim.notes["through"] == "log-probabilities"
    surest = claim.exposures[0]
    assert surest.method == "tail"
    # At most 1 / p secrets can be as likely.
    assert surest.lower >= surest.space_bits + surest.logprob / math.log(2) - 1e-3 > 10.0
    assert claim.exposures[0].upper == pytest.approx(claim.exposures[0].space_bits)
    assert all(e.estimated for e in claim.exposures)
    assert access.queries == 2 + 2 * 64


@pytest.mark.statistical
def test_canaries_never_seen_have_one_and_a_half_bits() -> None:
    canaries = made(digits(4), 150)
    model = Trigram.random(1, spread=1.0)
    found = CanaryExposure(draws=200).run(door(model), canaries, np.random.default_rng(0))
    (level,) = grade_canaries(found, [0] * 150)
    assert level.exposure.estimate == pytest.approx(NULL_BITS, abs=4 * NULL_BITS / 12)
    assert 1e-3 < level.p_value < 1 - 1e-3


@pytest.mark.statistical
def test_other_secrets_in_the_same_sentences_are_the_null() -> None:
    canaries = made(digits(4), 60)
    model = taught(canaries[:4], 6.0)
    fresh = [
        replace(a, secret=b.secret)
        for a, b in zip(canaries, made(digits(4), 60, seed=5), strict=True)
    ]
    planted = CanaryExposure().run(door(model), canaries[:4], np.random.default_rng(0))
    never = CanaryExposure().run(door(model), fresh, np.random.default_rng(0))
    assert np.mean([e.bits for e in planted.exposures]) > 6 * NULL_BITS
    (level,) = grade_canaries(never, [0] * 60)
    assert 1e-3 < level.p_value < 1 - 1e-3


def test_the_same_generator_gives_the_same_claim() -> None:
    canaries = made(digits(3), 4)
    access = door(Trigram.random(1, spread=1.0))
    runs = [CanaryExposure().run(access, canaries, np.random.default_rng(3)) for _ in range(2)]
    assert runs[0].exposures == runs[1].exposures


def test_formats() -> None:
    assert hexadecimal(4).size == 16**4
    assert names(["ann", "bo"], 2).choices("ann bo") == (0, 1)
    assert digits(3).choices("907") == (9, 0, 7)
    with pytest.raises(BadInput, match="no secret"):
        digits(3).choices("90")
    with pytest.raises(BadInput, match="two or more"):
        CanaryFormat("mine", (("a", "a"),))
    wrong = Canary(before="the code is", secret="12", format=digits(3))
    access = door(Trigram.random(1, spread=1.0))
    with pytest.raises(BadInput, match="no secret"):
        CanaryExposure().run(access, [wrong], np.random.default_rng(0))


def test_settings_out_of_range() -> None:
    with pytest.raises(BadInput, match="20 draws"):
        CanaryExposure(draws=3)
    with pytest.raises(BadInput, match="confidence"):
        CanaryExposure(confidence=0.3)


def test_tail_curves() -> None:
    rng = np.random.default_rng(0)
    drawn: Floats = rng.normal(-20.0, 2.0, size=5000)
    assert module._tail_bits(-20.0, drawn, "normal") == pytest.approx(1.0, abs=0.1)
    assert module._tail_bits(-14.0, drawn, "normal") == pytest.approx(9.5, abs=0.6)
    assert module._tail_bits(-14.0, drawn, "skew-normal") == pytest.approx(9.5, abs=1.5)
