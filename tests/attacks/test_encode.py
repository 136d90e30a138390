import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.linear_model import LogisticRegression

from reticent.attacks._encode import (
    MAX_LEVELS,
    UNSEEN,
    fit_encoder,
    fit_softmax,
    log_normalise,
    row_groups,
)


def test_text_becomes_codes_and_numbers_stay() -> None:
    encoder = fit_encoder(pd.DataFrame({"job": ["b", "a", "b"], "age": [20, 30, 40]}))
    assert encoder.categorical == [True, False]
    coded = encoder.matrix(pd.DataFrame({"job": ["a", "b", "new", None], "age": [1, 2, 3, None]}))
    assert coded[:3].tolist() == [[1.0, 1.0], [0.0, 2.0], [UNSEEN, 3.0]]
    assert np.isnan(coded[3]).all()


def test_columns_are_found_by_name() -> None:
    encoder = fit_encoder(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    turned = pd.DataFrame({"b": [3.0], "a": [1.0]})
    assert encoder.matrix(turned).tolist() == [[1.0, 3.0]]


def test_arrays_are_read_too() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert fit_encoder(x).matrix(x).tolist() == x.tolist()


def test_design_gives_every_row_one_place_a_column() -> None:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"age": rng.normal(size=50), "job": rng.choice(list("abc"), 50)})
    encoder = fit_encoder(x)
    design = encoder.design(x)
    assert (design.sum(axis=1) == 3).all()  # the constant, a bin, a level
    odd = encoder.design(pd.DataFrame({"age": [np.nan, 1e99], "job": ["new", None]}))
    assert (odd.sum(axis=1) == 3).all()
    assert not np.array_equal(odd[0, 1:12], odd[1, 1:12])  # missing is no large number


def test_rare_levels_share_a_column() -> None:
    many = pd.DataFrame({"id": [str(i) for i in range(500)]})
    assert fit_encoder(many).design(many).shape[1] == 1 + MAX_LEVELS + 1


def test_softmax_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 3))
    y = np.digitize(x[:, 0] + 0.5 * rng.normal(size=300), [-0.5, 0.5])
    design = np.column_stack([np.ones(300), x])
    ours = np.exp(fit_softmax(design, y, 3, ridge=1.0, steps=500).log_proba(design))
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, y).predict_proba(x)
    assert np.abs(ours - theirs).max() < 5e-3


def test_softmax_knows_classes_without_examples() -> None:
    design = np.ones((4, 1))
    p = np.exp(fit_softmax(design, np.array([0, 0, 1, 0]), 3).log_proba(design))
    assert p.shape == (4, 3)
    assert p[0, 2] < 0.05 < p[0, 1] < p[0, 0]


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1.0, 2.0, np.nan])),
        min_size=1,
        max_size=20,
    )
)
def test_row_groups_put_equal_rows_together(rows: list[tuple[str | None, float]]) -> None:
    x = pd.DataFrame(rows, columns=["text", "number"])
    first, group = row_groups(x)
    keys = [(str(t), str(v)) for t, v in rows]
    for i, key in enumerate(keys):
        assert keys[first[group[i]]] == key
        assert first[group[i]] == keys.index(key)
    assert len(first) == len(set(keys))


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
def test_log_normalise_sums_to_one(logits: list[float]) -> None:
    assert np.exp(log_normalise(np.array([logits]))).sum() == pytest.approx(1.0)
