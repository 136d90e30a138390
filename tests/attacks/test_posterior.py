import numpy as np
import pandas as pd
import pytest

from reticent.attacks._posterior import fit_posterior, guess, out_of_fold, smoothed
from reticent.core import BadInput, Column, Domain, Floats, Population

KINDS = Domain(values=np.array(["a", "b", "c"], dtype=object))


def _people(n: int, seed: int, follows: float) -> tuple[pd.DataFrame, Column]:
    """Return people whose `hidden` follows from `shown` with probability `follows`."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(3, size=n)
    hidden = np.where(rng.random(n) < follows, shown, rng.integers(3, size=n))
    names = np.array(["a", "b", "c"], dtype=object)
    table = pd.DataFrame(
        {"shown": names[shown], "noise": rng.normal(size=n), "hidden": names[hidden]}
    )
    return table, rng.integers(2, size=n)


@pytest.mark.parametrize("strength", ["fast", "strong"])
def test_learns_what_can_be_learnt(strength: str) -> None:
    x, y = _people(600, 0, 0.9)
    fitted = fit_posterior(
        "hidden",
        KINDS,
        Population(x=x, y=y),
        ["shown", "noise"],
        sees_outcome=True,
        strength=strength,  # type: ignore[arg-type]  # parametrised with its own literals
        rng=np.random.default_rng(0),
    )
    new, new_y = _people(500, 1, 0.9)
    best, _ = guess(KINDS, fitted.log_proba(new, new_y))
    assert (np.asarray(KINDS.values)[best] == new["hidden"]).mean() > 0.88
    assert fitted.chosen != "prior"


def test_keeps_the_prior_where_nothing_can_be_learnt() -> None:
    x, y = _people(300, 0, 0.0)
    fitted = fit_posterior(
        "hidden",
        KINDS,
        Population(x=x, y=y),
        ["shown", "noise"],
        sees_outcome=False,
        strength="strong",
        rng=np.random.default_rng(0),
    )
    assert fitted.chosen == "prior"
    counts = x["hidden"].value_counts()
    assert np.exp(fitted.log_proba(x, None)[0, 1]) == pytest.approx(counts["b"] / 300, abs=0.01)


def test_outcome_is_used_when_seen() -> None:
    x, _ = _people(400, 0, 0.0)
    y = (x["hidden"] == "b").to_numpy().astype(np.int64)
    seen = fit_posterior(
        "hidden",
        KINDS,
        Population(x=x, y=y),
        ["shown"],
        sees_outcome=True,
        strength="fast",
        rng=np.random.default_rng(0),
    )
    assert (guess(KINDS, seen.log_proba(x, y))[0][y == 1] == 1).all()


def test_without_population_the_domain_prior_stands() -> None:
    domain = Domain(values=np.array([0, 1]), prior=np.array([0.8, 0.2]))
    fitted = fit_posterior(
        "v",
        domain,
        None,
        ["a"],
        sees_outcome=False,
        strength="strong",
        rng=np.random.default_rng(0),
    )
    p = np.exp(fitted.log_proba(pd.DataFrame({"a": [1.0, 2.0]}), None))
    assert p == pytest.approx(np.array([[0.8, 0.2]] * 2), abs=1e-6)


def test_values_outside_the_domain_teach_nothing() -> None:
    x, y = _people(200, 0, 1.0)
    x.loc[:50, "hidden"] = "never declared"
    x.loc[51:60, "hidden"] = None
    fitted = fit_posterior(
        "hidden",
        KINDS,
        Population(x=x, y=y),
        ["shown"],
        sees_outcome=False,
        strength="fast",
        rng=np.random.default_rng(0),
    )
    clean = x.iloc[61:]
    best, _ = guess(KINDS, fitted.log_proba(clean, None))
    assert (np.asarray(KINDS.values)[best] == clean["hidden"]).all()


def test_continuous_columns_are_predicted_within_tolerance() -> None:
    rng = np.random.default_rng(0)
    n = 800
    age = rng.uniform(20, 80, n)
    height = 150 + age / 2 + rng.normal(scale=1.5, size=n)
    x = pd.DataFrame({"age": age, "height": height})
    domain = Domain(values=np.arange(150.0, 200.0), continuous=True, tol=3.0)
    fitted = fit_posterior(
        "height",
        domain,
        Population(x=x.iloc[:500], y=np.zeros(500)),
        ["age"],
        sees_outcome=False,
        strength="strong",
        rng=rng,
    )
    log_p = fitted.log_proba(x.iloc[500:], None)
    best, sure = guess(domain, log_p)
    right = np.abs(domain.values[best] - height[500:]) <= 3.0
    assert right.mean() > 0.85
    assert sure.mean() == pytest.approx(right.mean(), abs=0.12)
    assert np.exp(log_p).sum(axis=1) == pytest.approx(np.ones(300))


def test_out_of_fold_is_as_sure_as_on_strangers() -> None:
    # Twenty columns of noise: a learner is far too sure of rows that it was fitted on.
    rng = np.random.default_rng(0)
    n = 300
    x = pd.DataFrame(rng.normal(size=(2 * n, 20)), columns=[f"c{i}" for i in range(20)])
    x["hidden"] = (x["c0"] + rng.normal(size=2 * n) > 0).astype(np.int64)
    domain = Domain(values=np.array([0, 1]))
    known = [f"c{i}" for i in range(20)]
    mine = Population(x=x[:n], y=np.zeros(n, dtype=np.int64))

    def sureness(log_p: Floats, truth: Column) -> float:
        return float(log_p[np.arange(n), truth].mean())

    fitted = fit_posterior(
        "hidden", domain, mine, known, sees_outcome=False, strength="strong", rng=rng
    )
    apart = out_of_fold(
        "hidden", domain, mine, known, sees_outcome=False, strength="strong", rng=rng
    )
    first, second = x["hidden"][:n].to_numpy(), x["hidden"][n:].to_numpy()
    strangers = sureness(fitted.log_proba(x[n:], None), second)
    too_sure = sureness(fitted.log_proba(x[:n], None), first) - strangers
    assert too_sure > 0.3
    assert abs(sureness(apart, first) - strangers) < too_sure / 2


def test_arrays_are_refused_with_a_way_out() -> None:
    with pytest.raises(BadInput, match="named columns"):
        fit_posterior(
            "v",
            KINDS,
            Population(x=np.zeros((20, 2)), y=np.zeros(20)),
            ["a"],
            sees_outcome=False,
            strength="fast",
            rng=np.random.default_rng(0),
        )


def test_guess_takes_the_mass_within_tolerance_not_the_peak() -> None:
    grid = Domain(values=np.array([1.0, 2.0, 3.0, 9.0]), continuous=True, tol=1.0)
    best, sure = guess(grid, np.log(np.array([[0.2, 0.2, 0.2, 0.4]])))
    assert best.tolist() == [1]
    assert sure.tolist() == pytest.approx([0.6])
    labels = Domain(values=np.array([1.0, 2.0, 3.0, 9.0]))
    assert guess(labels, np.log(np.array([[0.2, 0.2, 0.2, 0.4]])))[0].tolist() == [3]


def test_smoothing_draws_to_the_prior() -> None:
    assert smoothed(np.zeros(2), np.array([0.3, 0.7])).tolist() == pytest.approx([0.3, 0.7])
