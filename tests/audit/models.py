"""Small real experiments that the audit's tests share: real people, real models."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reticent.audit.experiment import Experiment
from reticent.audit.setup import from_objects
from reticent.core import Channel
from reticent.defences.hard_label import HardLabel
from reticent.policy import Policy

COLUMNS = ["age", "yrs_married", "children", "religious", "educ"]
SCORES = Channel.LABEL | Channel.SCORES | Channel.TOP_K


@cache
def people() -> tuple[pd.DataFrame, np.ndarray]:
    """Return distinct women of the 1974 survey and whether each calls her marriage very good."""
    from statsmodels.datasets import fair

    raw = fair.load_pandas().data.drop_duplicates(subset=COLUMNS).reset_index(drop=True)
    x = raw[COLUMNS].copy()
    x["affair"] = np.where(raw["affairs"] > 0, "yes", "no")
    return x, (raw["rate_marriage"] == 5).to_numpy().astype(int)


def encoded(x: pd.DataFrame) -> pd.DataFrame:
    """Return the survey with the affair as a number, for models that take numbers only."""
    return x.assign(affair=(x["affair"] == "yes").astype(float))


def experiment(
    *, memorises: bool, members: int = 500, seed: int = 3, **settings: object
) -> Experiment:
    """Return an audit of a forest that knows its members by heart, or of one that cannot."""
    x, y = people()
    x = encoded(x)
    order = np.random.default_rng(seed).permutation(len(x))
    inside, outside = order[:members], order[members : members * 3]
    model = (
        RandomForestClassifier(20, random_state=0)
        if memorises
        else make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    )
    model.fit(x.iloc[inside], y[inside])
    fields: dict[str, object] = {
        "owner": "Model risk",
        "sensitive": ["affair"],
        "policies": {"open": Policy(), "hard-label": Policy((HardLabel(),))},
        "reference_models": 4,
        "shadow_models": 2,
        "seed": seed,
        "attacks": ("loss", "rmia", "map"),
    }
    return from_objects(
        model,
        members=(x.iloc[inside], y[inside]),
        non_members=(x.iloc[outside], y[outside]),
        **(fields | settings),
    )
