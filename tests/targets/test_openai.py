from pathlib import Path
from typing import Any

import numpy as np
import pytest
from targets.language_endpoint import Endpoint, completions

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.continuation import Continuation
from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.core import BadAnswer, BadInput, Channel, NotExposed
from reticent.core.language import Passage, Sampling
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.openai import OpenAIModel, open_openai
from reticent.testing.planted_passages import PlantedPassages, plant_passages
from reticent.text_access import TextAccess


@pytest.fixture(scope="module")
def planted() -> PlantedPassages:
    return plant_passages(8, seed=11)


def _endpoint(planted: PlantedPassages, **settings: Any) -> Endpoint:
    model: Any = planted.access.target
    return Endpoint(model=model, **settings)


def _opened(url: str, **settings: Any) -> OpenAIModel:
    return open_openai(url, model="ngrams", **settings)


def _door(model: OpenAIModel) -> TextAccess:
    return TextAccess(
        target=model,
        policy=Policy(),
        ledger=QueryLedger(),
        token_ledger=QueryLedger(),
        identity="a",
    )


def _as_bytes(planted: PlantedPassages, model: OpenAIModel) -> list[Passage]:
    """The same passages in the endpoint's unit: one letter, one byte."""
    own = planted.access.target
    return [
        Passage(tokens=model.tokens(own.text(p.tokens)), prompt=p.prompt) for p in planted.passages
    ]


def test_a_text_is_scored_token_by_token_as_in_process(planted: PlantedPassages) -> None:
    with completions(_endpoint(planted)) as url:
        model = _opened(url, alternatives=5)
        passages = _as_bytes(planted, model)
        said = model.logprobs([p.tokens for p in passages[:3]], first=[12] * 3)
    inside = planted.access.target.logprobs(
        [p.tokens for p in planted.passages[:3]], first=[12] * 3
    )
    for ours, theirs in zip(said, inside, strict=True):
        shown = theirs.ranks < 5
        shown[:12] = False
        np.testing.assert_allclose(ours.logprobs[shown], theirs.logprobs[shown], atol=1e-9)
        assert np.isnan(ours.logprobs[12:][~shown[12:]]).all()
        assert (ours.ranks[shown] == theirs.ranks[shown]).all()
        assert (ours.ranks[12:][~shown[12:]] == 5).all()


def test_verdicts_through_an_endpoint_are_those_in_process(planted: PlantedPassages) -> None:
    rng = np.random.default_rng(0)
    with completions(_endpoint(planted)) as url:
        access = _door(_opened(url))
        passages = _as_bytes(planted, access.target)  # type: ignore[arg-type]  # it is one
        claim = DiscoverableExtraction().run(access, passages, TextKnowledge(), rng)
    assert claim.verdicts is not None
    assert claim.verdicts.tolist() == planted.is_member.tolist()
    assert claim.notes["scheme"].endswith("top_k 0, top_p 1")  # nothing else is shown
    assert access.queries == sum(len(p.wanted) for p in passages)


def test_an_endpoint_that_ignores_logprobs_is_compared_with(planted: PlantedPassages) -> None:
    with completions(_endpoint(planted, ignores_logprobs=True)) as url:
        model = _opened(url)
        assert model.channels == Channel.TOKENS
        with pytest.raises(NotExposed, match="shows no log-probabilities"):
            model.logprobs([np.arange(4)], first=[1])
        claim = Continuation().run(
            _door(model), _as_bytes(planted, model), TextKnowledge(), np.random.default_rng(0)
        )
    assert claim.verdicts is not None
    assert claim.verdicts.tolist() == planted.is_member.tolist()


def test_a_busy_server_is_waited_for(planted: PlantedPassages) -> None:
    waits: list[float] = []
    endpoint = _endpoint(planted)
    with completions(endpoint) as url:
        model = _opened(url, sleep=waits.append)
        endpoint.busy[:] = [(429, {"retry-after": "7"}), (503, {}), (500, {})]
        model.generate([model.tokens("abc")], new_tokens=4)
    assert waits == [7.0, 1.0, 2.0]


def test_what_was_answered_is_not_asked_again(planted: PlantedPassages, tmp_path: Path) -> None:
    waits: list[float] = []
    endpoint = _endpoint(planted)
    prompts = [np.arange(97, 97 + k, dtype=np.int64) for k in (3, 4, 5)]
    keep = tmp_path / "replies.jsonl"
    with completions(endpoint) as url:
        model = _opened(url, keep=keep, wait_s=5.0, sleep=waits.append)
        endpoint.dies_after = len(endpoint.asked) + 2
        with pytest.raises(BadAnswer, match=r"answers 503; waiting is allowed for 5 s"):
            model.generate(prompts, new_tokens=6)
        assert sum(waits) <= 5.0
        with keep.open("a") as file:
            file.write('{"question": "cut of')
        endpoint.dies_after = None
        again = _opened(url, keep=keep)
        before = len(endpoint.asked)
        texts = again.generate(prompts, new_tokens=6)
        assert len(endpoint.asked) - before == 1
    inside = planted.access.target.generate(
        [planted.access.tokens(bytes(p.tolist()).decode()) for p in prompts], new_tokens=6
    )
    assert [again.text(t.tokens) for t in texts] == [planted.access.text(t.tokens) for t in inside]


def test_work_goes_on_where_it_stopped_without_a_file_too(planted: PlantedPassages) -> None:
    endpoint = _endpoint(planted)
    with completions(endpoint) as url:
        model = _opened(url, wait_s=0.0)
        prompts = [model.tokens(text) for text in ("abc", "abd")]
        endpoint.dies_after = len(endpoint.asked) + 1
        with pytest.raises(BadAnswer):
            model.generate(prompts, new_tokens=3)
        endpoint.dies_after, before = None, len(endpoint.asked)
        model.generate(prompts, new_tokens=3)
        assert len(endpoint.asked) - before == 1


def test_an_endpoint_that_stops_showing_scores_is_an_error(planted: PlantedPassages) -> None:
    endpoint = _endpoint(planted)
    with completions(endpoint) as url:
        model = _opened(url)
        endpoint.ignores_logprobs = True
        with pytest.raises(BadAnswer, match="without log-probabilities, which it gave before"):
            model.logprobs([model.tokens("abcd")], first=[2])


def test_what_is_too_long_or_not_taken_is_said(planted: PlantedPassages) -> None:
    with completions(_endpoint(planted)) as url:
        model = _opened(url, context=16)
        with pytest.raises(BadInput, match="needs 20 bytes"):
            model.generate([model.tokens("a" * 10)], new_tokens=10)
        with pytest.raises(BadInput, match="takes no top_k"):
            model.generate([model.tokens("a")], new_tokens=4, sampling=Sampling(top_k=3))


def test_other_machines_are_asked_only_by_name() -> None:
    with pytest.raises(BadInput, match="not this machine"):
        _opened("http://192.0.2.1:9")


@pytest.mark.parametrize("text", ["", "naïve — ½", "עברית", "e\u0301", "\ud800x"])
def test_bytes_say_what_they_were_made_of(planted: PlantedPassages, text: str) -> None:
    with completions(_endpoint(planted)) as url:
        model = _opened(url)
        plain = text.encode("utf-8", "replace").decode()
        assert model.text(model.tokens(text)) == plain
