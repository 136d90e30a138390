"""Estimates as plain data that JSON can carry."""

import json

import numpy as np
import pytest

from reticent.audit.show import FORMULAS, figure_of, figure_or_none, formula_for
from reticent.core import Leakage
from reticent.stats.intervals import proportion


def leakage(**fields):
    return Leakage(
        **{
            "metric": "auc", "estimate": 0.6, "lower": 0.5, "upper": 0.7, "confidence": 0.95,
            "method": "m", **fields,
        }
    )  # fmt: skip


def test_every_field_is_carried_over():
    figure = figure_of(proportion(3, 4, metric="accuracy", null=0.5))
    assert figure.model_dump(exclude={"formula", "method", "lower", "upper"}) == {
        "metric": "accuracy",
        "estimate": 0.75,
        "confidence": 0.95,
        "null": 0.5,
        "n_members": 4,
        "n_non_members": 0,
        "counts": {"hits": 3.0, "n": 4.0},
    }
    assert figure.lower < 0.75 < figure.upper


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, None])
def test_what_json_cannot_carry_is_no_data(value):
    figure = figure_of(leakage(estimate=value, upper=value))
    assert figure.estimate is None
    assert figure.upper is None
    assert json.loads(figure.model_dump_json(), parse_constant=pytest.fail)["lower"] == 0.5


def test_numpy_numbers_become_plain_ones():
    figure = figure_of(leakage(estimate=np.float64(0.5), counts={"n": np.int64(3)}))
    assert type(figure.estimate) is float
    assert type(figure.counts["n"]) is float


def test_none_stays_none():
    assert figure_or_none(None) is None
    assert figure_or_none(leakage()) == figure_of(leakage())


def test_the_longest_name_that_fits_gives_the_formula():
    assert formula_for("exact_match_members_minus_non_members").startswith("share of members")
    assert formula_for("exact_match_rate") == FORMULAS["exact_match_rate"]
    assert formula_for("tpr_at_fpr_0.001") == FORMULAS["tpr_at_fpr"]
    assert formula_for("precision[affair=1.0]") == FORMULAS["precision"]
    assert formula_for("something new") == ""
