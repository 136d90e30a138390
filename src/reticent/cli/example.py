"""The demonstration: a plausible model of a real survey, and the configuration to audit it.

The survey is Redbook magazine's of 1974, as used by R. Fair, "A Theory of Extramarital
Affairs", Journal of Political Economy 86(1), 1978; statsmodels ships it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MEMBERS = 3000
NON_MEMBERS = 1700

_JOBS = {
    1: "student",
    2: "unskilled",
    3: "white-collar",
    4: "skilled",
    5: "managerial",
    6: "professional",
}


def build(out: Path, *, seed: int) -> Path:
    """Write model.skops, the three tables and reticent.toml into `out`.

    What is already there is kept, so that a run which was stopped can go on.

    Args:
        out: directory, created if need be.
        seed: decides who is a member, and the forest.

    Returns:
        The path of reticent.toml.
    """
    import numpy as np

    config = out / "reticent.toml"
    if config.exists():
        return config
    out.mkdir(parents=True, exist_ok=True)
    people = survey()
    order = np.random.default_rng(seed).permutation(len(people))
    parts = np.split(people.iloc[order], [MEMBERS, MEMBERS + NON_MEMBERS])
    names = ("members.csv", "non_members.csv", "auxiliary.csv")
    for part, name in zip(parts, names, strict=True):
        part.to_csv(out / name, index=False)
    _dump(train(parts[0], seed=seed), out / "model.skops")
    config.write_text(_CONFIG.format(seed=seed), encoding="utf-8")
    return config


def survey() -> "pd.DataFrame":
    """Return the survey, (6366, 9): eight input columns and `marriage`, the outcome."""
    from statsmodels.datasets import fair

    raw = fair.load_pandas().data
    people = raw[["age", "yrs_married", "children", "religious", "educ"]].copy()
    people["occupation"] = raw["occupation"].astype(int).map(_JOBS)
    people["husband"] = raw["occupation_husb"].astype(int).map(_JOBS)
    people["affair"] = (raw["affairs"] > 0).map({True: "yes", False: "no"})
    happy = raw["rate_marriage"].clip(lower=3).astype(int)
    people["marriage"] = happy.map({3: "fair or worse", 4: "good", 5: "very good"})
    return people


def train(members: "pd.DataFrame", *, seed: int) -> Any:
    """Return the model under audit: what many would write first, with the usual defaults."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    x, y = members.drop(columns="marriage"), members["marriage"]
    words = ["occupation", "husband", "affair"]
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough"
        ),
        RandomForestClassifier(n_estimators=50, random_state=seed),
    )
    return model.fit(x, y)


def _dump(model: Any, path: Path) -> None:
    from skops.io import dump

    dump(model, path)
