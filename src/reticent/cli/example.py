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
OUTCOME = "marriage"

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
    config = out / "reticent.toml"
    if config.exists():
        return config
    out.mkdir(parents=True, exist_ok=True)
    members, non_members, auxiliary = divide(survey(), seed=seed)
    members.to_csv(out / "members.csv", index=False)
    non_members.to_csv(out / "non_members.csv", index=False)
    auxiliary.to_csv(out / "auxiliary.csv", index=False)
    _dump(train(members, seed=seed), out / "model.skops")
    config.write_text(CONFIG.format(seed=seed), encoding="utf-8")
    return config


def survey() -> "pd.DataFrame":
    """Return the survey, (6366, 9): eight input columns and `marriage`, the outcome."""
    from statsmodels.datasets import fair

    raw: pd.DataFrame = fair.load_pandas().data
    people = raw[["age", "yrs_married", "children", "religious", "educ"]].copy()
    people["occupation"] = raw["occupation"].astype(int).map(_JOBS)
    people["husband"] = raw["occupation_husb"].astype(int).map(_JOBS)
    people["affair"] = (raw["affairs"] > 0).map({True: "yes", False: "no"})
    happy = raw["rate_marriage"].clip(lower=3).astype(int)
    people[OUTCOME] = happy.map({3: "fair or worse", 4: "good", 5: "very good"})
    return people


def divide(people: "pd.DataFrame", *, seed: int) -> "list[pd.DataFrame]":
    """Return members, non-members and the adversary's own records.

    The answers are so coarse that many women gave the same. Those go to one side together:
    a record that stands on both sides is neither a member nor a stranger.
    """
    import numpy as np

    inputs = [column for column in people.columns if column != OUTCOME]
    group = people.groupby(inputs).ngroup().to_numpy()
    place = np.random.default_rng(seed).permutation(group.max() + 1)[group]
    ordered = people.iloc[np.argsort(place, kind="stable")]
    ends = np.searchsorted(np.sort(place), np.sort(place)[[MEMBERS, MEMBERS + NON_MEMBERS]])
    return [ordered.iloc[rows] for rows in np.split(np.arange(len(people)), ends)]


def train(members: "pd.DataFrame", *, seed: int) -> Any:
    """Return the model under audit: what many would write first."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    x, y = members.drop(columns=OUTCOME), members[OUTCOME]
    words = ["occupation", "husband", "affair"]
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough"
        ),
        RandomForestClassifier(n_estimators=50, min_samples_leaf=3, random_state=seed),
    )
    return model.fit(x, y)


def _dump(model: Any, path: Path) -> None:
    from skops.io import dump

    dump(model, path)


CONFIG = """\
# The demonstration, written by `reticent demo`. docs/configuration.md describes every setting.

[model]
path = "model.skops"
owner = "Demonstration team"
name = "the marriage-satisfaction model"

[data]
members = "members.csv"          # the women it was trained on
non_members = "non_members.csv"  # women of the same survey that it never saw
auxiliary = "auxiliary.csv"      # other women of the survey, known to the adversary
target = "marriage"

[[sensitive]]
column = "affair"
harm = "high"
positive = "yes"

[adversary]
reference_models = 8
shadow_models = 4

[[policy]]                       # the first is the one in force
name = "open"
defences = []

[[policy]]
name = "round-1"
defences = [{{ kind = "round", digits = 1 }}]

[[policy]]
name = "noise"
defences = [{{ kind = "keyed_noise", scale = 0.1 }}]

[[policy]]
name = "top-1"
defences = [{{ kind = "top_k", k = 1 }}, {{ kind = "round", digits = 2 }}]

[[policy]]
name = "hard-label"
defences = [{{ kind = "hard_label" }}]

[audit]
seed = {seed}
"""
