"""FunctionTarget and load_function."""

import sys

import numpy as np
import pandas as pd
import pytest

from reticent.core import BadAnswer, BadInput, Channel, NotExposed
from reticent.targets.function import FunctionTarget, load_function


def test_probabilities_labels_and_values() -> None:
    x = np.array([[0.2], [0.9]])
    p = FunctionTarget(
        function=lambda x: np.column_stack([1 - x[:, 0], x[:, 0]]),
        returns="probabilities",
        classes=("no", "yes"),
    )
    assert p.channels == Channel.LABEL | Channel.SCORES | Channel.TOP_K
    np.testing.assert_allclose(p.answer(x).scores, [[0.8, 0.2], [0.1, 0.9]])
    assert p.answer(x).labels.tolist() == [0, 1]

    said = FunctionTarget(
        function=lambda x: np.where(x[:, 0] > 0.5, "yes", "no"),
        returns="labels",
        classes=("yes", "no"),
    )
    assert said.channels == Channel.LABEL
    assert said.answer(x).labels.tolist() == [1, 0]

    value = FunctionTarget(function=lambda x: x * 2, returns="values")
    assert (value.channels, value.classes) == (Channel.VALUE, ())
    assert value.answer(x).values.tolist() == [0.4, 1.8]
    with pytest.raises(NotExposed):
        value.weights()


def test_a_declared_table_is_what_the_function_gets() -> None:
    seen = []

    def model(table: pd.DataFrame) -> pd.Series:
        seen.append((list(table.columns), len(table)))
        return table["b"] - table["a"]

    target = FunctionTarget(function=model, returns="values", columns=("b", "a"), chunk_rows=2)
    table = pd.DataFrame({"a": [1, 2, 3], "c": 0, "b": [5, 5, 5]})
    assert target.answer(table).values.tolist() == [4.0, 3.0, 2.0]
    assert seen == [(["b", "a"], 2), (["b", "a"], 1)]
    with pytest.raises(BadInput, match="'b' is missing"):
        target.answer(table.drop(columns="b"))


@pytest.mark.parametrize(
    ("returns", "classes", "said"),
    [
        ("scores", (), "must be probabilities, labels or values"),
        ("values", ("a", "b"), "2 classes are declared"),
        ("labels", (), "two or more different"),
        ("probabilities", ("a",), "two or more different"),
        ("probabilities", ("a", "a"), "two or more different"),
    ],
)
def test_a_declaration_that_does_not_fit(returns, classes, said) -> None:
    with pytest.raises(BadInput, match=said):
        FunctionTarget(function=len, returns=returns, classes=classes)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: 1 / 0, "raised ZeroDivisionError"),
        (lambda x: x[:1], "gave 1 answers to 3 questions"),
        (lambda x: [None] * 3, "must be finite"),
        (lambda x: ["a"] * 3, "not a table of numbers"),
        (lambda x: np.zeros((3, 2)), "answers 2 outputs"),
        (lambda x: 5, "outputs"),
    ],
)
def test_what_is_no_answer(function, said) -> None:
    with pytest.raises(BadAnswer, match=said):
        FunctionTarget(function=function, returns="values").answer(np.zeros((3, 1)))


def test_labels_that_cannot_be_looked_up() -> None:
    target = FunctionTarget(
        function=lambda x: np.array([[1], None], dtype=object), returns="labels", classes=(0, 1)
    )
    with pytest.raises(BadAnswer, match="none of its classes"):
        target.answer(np.zeros((2, 1)))


def test_a_function_is_imported_by_name() -> None:
    spec = "targets.function_under_test"
    assert load_function(f"{spec}:constant")(np.zeros((2, 1))).shape == (2, 2)
    assert load_function(f"{spec}:Model.answer")(np.ones((2, 1))).tolist() == [1, 1]
    assert load_function("os.path:basename")("a/b") == "b"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("os.path.basename", "package.module:function is the form"),
        ("os.path:", "is the form"),
        (":basename", "is the form"),
        ("absent_module.deeper:f", "Module 'absent_module'.*not on the import path"),
        ("os.path:absent", "has no 'absent'"),
        ("targets.function_under_test:NUMBER", "is a int, which cannot be called"),
        ("..relative:f", "raised TypeError"),
    ],
)
def test_a_name_that_leads_nowhere(spec, said) -> None:
    with pytest.raises(BadInput, match=said):
        load_function(spec)


def test_a_folder_is_searched_only_when_asked(tmp_path, monkeypatch) -> None:
    (tmp_path / "beside_me.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "broken_one.py").write_text("raise ValueError('no config')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = list(sys.path)
    with pytest.raises(BadInput, match="'beside_me'"):
        load_function("beside_me:f")
    assert load_function("beside_me:f", beside=tmp_path)(3) == 3
    with pytest.raises(BadInput, match="raised ValueError: no config"):
        load_function("broken_one:f", beside=tmp_path)
    assert sys.path == before
    sys.modules.pop("beside_me")
