"""Forged XGBoost models are refused; the process that asks survives."""

import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from xgboost import XGBClassifier, XGBRegressor

from reticent.core import BadInput
from reticent.targets._ubjson import is_sound
from reticent.targets.files import load_model, save_model
from reticent.targets.sklearn import SklearnTarget


def raw(model) -> bytes:
    return bytes(model.get_booster().__getstate__()["handle"])


@pytest.fixture(scope="module")
def model():
    return XGBClassifier(n_estimators=3).fit(*load_breast_cancer(return_X_y=True))


def test_every_kind_of_booster_is_sound() -> None:
    cancer, wine = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)
    ward = pd.cut(cancer[0][:, 0], 5, labels=list("uvwxy"))
    table = pd.DataFrame({"a": cancer[0][:, 2], "ward": ward})
    for made in (
        XGBClassifier(n_estimators=3).fit(*wine),
        XGBRegressor(n_estimators=3).fit(*load_diabetes(return_X_y=True)),
        XGBClassifier(n_estimators=3, booster="dart").fit(*cancer),
        XGBClassifier(n_estimators=3, booster="gblinear").fit(*wine),
        XGBClassifier(n_estimators=3, gamma=50, tree_method="exact").fit(*cancer),
        XGBClassifier(n_estimators=3, enable_categorical=True, max_cat_to_onehot=1).fit(
            table, cancer[1]
        ),
    ):
        assert is_sound(raw(made))


def test_a_sound_file_loads_and_answers(model, tmp_path) -> None:
    x, _ = load_breast_cancer(return_X_y=True)
    save_model(model, tmp_path / "m.skops")
    found = load_model(tmp_path / "m.skops").answer(x).scores
    np.testing.assert_array_equal(found, SklearnTarget(model).answer(x).scores)


def swapped(held: bytes, field: bytes, value: int) -> bytes:
    """Return the bytes with the first number of an int32 array replaced."""
    at = held.index(field + b"[$l#L") + len(field) + 5 + 8
    return held[:at] + value.to_bytes(4, "big", signed=True) + held[at + 4 :]


@pytest.mark.parametrize("field", [b"left_children", b"right_children", b"split_indices"])
@pytest.mark.parametrize("value", [1 << 30, -5, 0])
def test_an_index_that_points_outside_is_found(model, field, value) -> None:
    held = raw(model)
    assert is_sound(held)
    if (field, value) != (b"split_indices", 0):  # column 0 is a column
        assert not is_sound(swapped(held, field, value))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_part_of_a_model_is_no_model(model, share) -> None:
    held = raw(model)
    assert not is_sound(held[: int(len(held) * share)])
    assert not is_sound(held + b"}")


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_no_model(held) -> None:
    assert not is_sound(held)
    assert not is_sound(b"{L" + held)


def forged(model, tmp_path, change):
    save_model(model, tmp_path / "m.skops")
    with (
        zipfile.ZipFile(tmp_path / "m.skops") as old,
        zipfile.ZipFile(tmp_path / "bad.skops", "w") as new,
    ):
        for entry in old.namelist():
            held = old.read(entry)
            new.writestr(entry, change(held) if entry.endswith(".bin") else held)
    return tmp_path / "bad.skops"


def test_a_forged_length_is_refused(model, tmp_path) -> None:
    path = forged(model, tmp_path, lambda held: held[:2] + b"\x7f" + held[3:])
    with pytest.raises(BadInput, match="XGBoost model that is damaged"):
        load_model(path)


def test_what_would_end_the_process_is_refused(model, tmp_path) -> None:
    """A whole, sound-looking model without a key that XGBoost takes for granted."""
    key, other = b"learner_train_param", b"learner_train_parax"
    path = forged(model, tmp_path, lambda held: held.replace(key, other))
    with pytest.raises(BadInput, match="XGBoost model that is damaged"):
        load_model(path)


def test_a_process_of_its_own_is_needed() -> None:
    """The trap is real: what the test above refuses does end the process that reads it."""
    code = (
        "from sklearn.datasets import load_wine\n"
        "import xgboost\n"
        "m = xgboost.XGBClassifier(n_estimators=1).fit(*load_wine(return_X_y=True))\n"
        "held = bytes(m.get_booster().__getstate__()['handle'])\n"
        "b = xgboost.Booster()\n"
        "b.__setstate__({'handle': bytearray(held[:2] + b'\\x7f' + held[3:])})\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=env)
    assert ran.returncode != 0
