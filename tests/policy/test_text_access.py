from typing import Any

import numpy as np
import pytest

from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.core import BudgetSpent, Channel, NotExposed
from reticent.core.language import Passage, Sampling
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.testing.planted_passages import PlantedPassages, plant_passages
from reticent.text_access import TextAccess


@pytest.fixture(scope="module")
def planted() -> PlantedPassages:
    return plant_passages(8, seed=3)


def _under(planted: PlantedPassages, *steps: dict[str, Any]) -> TextAccess:
    return planted.through(policy=Policy.from_list(steps)).access


def _said(access: TextAccess, planted: PlantedPassages) -> tuple[Any, Any]:
    """What is said of a text that begins as one that is known by heart and ends as no other."""
    known = planted.passages[int(np.flatnonzero(planted.is_member)[0])]
    other = planted.passages[int(np.flatnonzero(~planted.is_member)[0])]
    ids = np.concatenate([known.tokens[:25], other.tokens[25:]])
    (raw,) = planted.access.target.logprobs([ids], first=[5])
    (shown,) = access.logprobs([ids], first=[5], sampling=Sampling())
    return raw, shown


def test_under_no_policy_everything_is_shown_for_a_query_a_text(planted: PlantedPassages) -> None:
    access = planted.through().access
    raw, shown = _said(access, planted)
    np.testing.assert_array_equal(raw.logprobs, shown.logprobs)
    assert shown.means is not None
    assert (access.queries, access.tokens_spent) == (1, 40)


def test_rounding_is_what_the_auditor_sees(planted: PlantedPassages) -> None:
    access = _under(planted, {"kind": "round", "digits": 1})
    raw, shown = _said(access, planted)
    likely = (np.exp(raw.logprobs) > 0.1) & (raw.ranks < 5)
    assert likely.any()
    np.testing.assert_allclose(
        np.exp(shown.logprobs[likely]), np.round(np.exp(raw.logprobs[likely]), 1)
    )
    rare = np.exp(raw.logprobs) < 0.04
    assert rare.any()
    assert np.isnan(shown.logprobs[rare]).all()  # what rounds to nothing is not shown
    assert shown.means is None
    np.testing.assert_array_equal(shown.sampled, shown.logprobs)


def test_a_text_costs_a_query_a_token_behind_a_policy(planted: PlantedPassages) -> None:
    access = _under(planted, {"kind": "round", "digits": 1})
    _said(access, planted)
    assert access.queries == 35
    assert access.tokens_spent == sum(range(5, 40)) + 35  # each prompt, and each token


def test_alternatives_that_are_not_shown_have_no_score(planted: PlantedPassages) -> None:
    access = _under(planted, {"kind": "top_k", "k": 1})
    raw, shown = _said(access, planted)
    best = raw.ranks == 0
    assert best[5:].any()
    assert not best[5:].all()
    np.testing.assert_allclose(shown.logprobs[best], raw.logprobs[best])
    assert np.isnan(shown.logprobs[5:][~best[5:]]).all()
    assert (shown.ranks[best] == 0).all()
    assert (shown.ranks[5:][~best[5:]] > 0).all()


def test_withheld_scores_shut_the_channel_and_texts_go_on(planted: PlantedPassages) -> None:
    access = _under(planted, {"kind": "withhold", "channels": ["scores"]})
    assert access.channels == Channel.TOKENS
    with pytest.raises(NotExposed, match="does not expose LOGPROBS"):
        access.logprobs([planted.passages[0].tokens], first=[5])
    (text,) = access.generate([planted.passages[0].given], new_tokens=4)
    assert text.logprobs is None


def test_keyed_noise_is_the_same_for_the_same_question_only(planted: PlantedPassages) -> None:
    noisy = [{"kind": "keyed_noise", "scale": 0.05}]
    access = _under(planted, *noisy)
    raw, once = _said(access, planted)
    _, twice = _said(access, planted)
    np.testing.assert_array_equal(once.logprobs, twice.logprobs)
    assert not np.allclose(np.nan_to_num(raw.logprobs), np.nan_to_num(once.logprobs))


def test_verdicts_behind_rounding_are_still_those_of_the_model(planted: PlantedPassages) -> None:
    access = _under(planted, {"kind": "round", "digits": 1})
    claim = DiscoverableExtraction().run(
        access, planted.passages, planted.knowledge, np.random.default_rng(0)
    )
    assert claim.verdicts is not None
    assert claim.verdicts.tolist() == planted.is_member.tolist()


def test_a_clear_miss_is_no_tie(planted: PlantedPassages) -> None:
    claim = DiscoverableExtraction().run(
        planted.through().access, planted.passages, planted.knowledge, np.random.default_rng(0)
    )
    assert claim.notes["ties_generated"] == 0


def test_tokens_have_a_budget_of_their_own(planted: PlantedPassages) -> None:
    access = TextAccess(
        target=planted.access.target,
        policy=Policy(),
        ledger=QueryLedger(10),
        token_ledger=QueryLedger(50),
        identity="a",
    )
    access.generate([np.arange(10)], new_tokens=20)
    with pytest.raises(BudgetSpent, match="asked for 30 tokens with 20 left"):
        access.generate([np.arange(10)], new_tokens=20)
    assert (access.queries, access.tokens_spent) == (1, 30)


def test_a_passage_without_a_wanted_part_asks_for_nothing(planted: PlantedPassages) -> None:
    whole = Passage(tokens=planted.passages[0].tokens, prompt=40)
    access = _under(planted, {"kind": "round", "digits": 1})
    access.logprobs([whole.tokens], first=[40])
    assert (access.queries, access.tokens_spent) == (0, 0)
