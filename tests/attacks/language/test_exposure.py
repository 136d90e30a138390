import itertools
import math

import numpy as np
import pytest
from attacks.language.ngrams import Trigram, pair_tokens, tokens
from hypothesis import given, settings, strategies as st

from reticent.attacks.language._canary_format import Canary, CanaryFormat, digits, names
from reticent.attacks.language._exposure import (
    TOL_NATS,
    draw,
    exact_rank,
    logprob_of,
    most_possible,
)
from reticent.attacks.language._token_tree import TokenTree, token_tree
from reticent.core import Ints

MANY = 10**9
# "ann" begins "anna", "bo" ends where " bo" would go on: options of several lengths.
NAMED = names(["ann", "anna", "bo", "bob", "carl"])


def canary(form: CanaryFormat, seed: int = 0) -> Canary:
    secret = form.draw(np.random.default_rng(seed))
    return Canary(before="the code is", secret=secret, format=form)


def tree_of(form: CanaryFormat, tokenizer=tokens) -> TokenTree:
    tree = token_tree(canary(form), tokenizer, np.random.default_rng(1))
    assert tree is not None
    return tree


def every(form: CanaryFormat, tree: TokenTree, tokenizer=tokens) -> list[Ints]:
    texts = ("".join(parts) for parts in itertools.product(*form.slots))
    return [tokenizer(f"the code is {text}")[len(tree.prefix) :] for text in texts]


@pytest.mark.parametrize("form", [digits(3), digits(4), NAMED], ids=["3", "4", "names"])
@pytest.mark.parametrize("spread", [0.1, 2.0])
@pytest.mark.parametrize("batch", [1, 7, 128])
def test_exact_rank_is_that_of_brute_force(form: CanaryFormat, spread: float, batch: int) -> None:
    model = Trigram.random(3, spread=spread)
    tree = tree_of(form)
    paths = every(form, tree)
    whole = np.array([model.whole(tree.prefix, path) for path in paths])
    assert tree.size == form.size == len(paths)
    for i in np.random.default_rng(0).integers(len(paths), size=12).tolist():
        logprob = logprob_of(model, tree, paths[i])
        assert logprob == pytest.approx(whole[i])
        rank = exact_rank(model, tree, logprob, batch=batch, most_expanded=MANY)
        assert rank.complete
        assert rank.low == 1 + (whole > logprob + TOL_NATS).sum()
        assert rank.high == (whole >= logprob - TOL_NATS).sum()
        assert rank.high <= most_possible(tree, logprob)
    assert max(model.asked) <= batch


def test_tokenizer_that_joins_digits_still_gives_every_secret() -> None:
    form = digits(3)
    tree = tree_of(form, pair_tokens)
    paths = every(form, tree, pair_tokens)
    assert tree.size == 1000
    assert all(tree.path(path.tolist()) for path in paths)
    model = Trigram.random(0, spread=1.0, size=140)
    whole = np.array([model.whole(tree.prefix, path) for path in paths])
    rank = exact_rank(model, tree, float(np.sort(whole)[-40]), most_expanded=MANY)
    assert (rank.low, rank.complete) == (40, True)


def test_no_tree_where_digits_are_joined_and_secrets_are_too_many() -> None:
    assert token_tree(canary(digits(8)), pair_tokens, np.random.default_rng(0)) is None


def test_tree_of_many_secrets_is_small() -> None:
    tree = tree_of(digits(12))
    assert tree.size == 10**12
    assert len(tree.ids) < 200
    assert not tree.path(tokens(" 12345678901").tolist())
    assert tree.path(tokens(" 123456789012").tolist())


def test_prunes_what_cannot_be_likelier() -> None:
    model = Trigram.random(3, spread=2.0)
    tree = tree_of(digits(4))
    paths = every(digits(4), tree)
    best = max(paths, key=lambda path: model.whole(tree.prefix, path))
    rank = exact_rank(model, tree, logprob_of(model, tree, best), most_expanded=MANY)
    assert rank.low == rank.high == 1
    assert rank.expanded < 200 < 1111  # of the prefixes that there are


@given(
    most_expanded=st.integers(1, 400),
    which=st.integers(0, 9999),
    spread=st.sampled_from([0.3, 1.5]),
)
@settings(deadline=None, max_examples=40)
def test_a_search_cut_short_still_brackets_the_rank(
    most_expanded: int, which: int, spread: float
) -> None:
    model = Trigram.random(5, spread=spread)
    tree = tree_of(digits(4))
    path = np.append(tokens(" "), tokens(f"{which:04d}"))
    logprob = logprob_of(model, tree, path)
    whole = exact_rank(model, tree, logprob, most_expanded=MANY)
    cut = exact_rank(model, tree, logprob, batch=8, most_expanded=most_expanded)
    assert cut.low <= whole.low <= whole.high <= cut.high


@pytest.mark.parametrize("form", [digits(3), NAMED], ids=["digits", "names"])
@pytest.mark.parametrize("by_model", [False, True])
@pytest.mark.statistical
def test_draws_give_the_rank_without_bias(form: CanaryFormat, by_model: bool) -> None:
    model = Trigram.random(3, spread=1.0)
    tree = tree_of(form)
    paths = every(form, tree)
    whole = np.sort([model.whole(tree.prefix, path) for path in paths])[::-1]
    for rank in (len(whole) // 20 + 1, len(whole) // 2):
        floor = whole[rank - 1] - 1e-9
        drawn = draw(model, tree, n=20_000, rng=np.random.default_rng(9), by_model=by_model)
        weights = np.exp(-drawn.drawn) * (drawn.logprobs >= floor)
        error = weights.std() / math.sqrt(len(weights))
        assert abs(weights.mean() - rank) < 4 * error
        assert error < 0.1 * rank
