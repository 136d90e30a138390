"""What the columns of well-known data sets are taken for."""

import pytest

from reticent.config.infer import (
    MOST_SENSITIVE,
    ColumnFacts,
    ModelFacts,
    infer,
    is_scale,
    suspicion,
    words_of,
)


def column(name, shape="text", distinct=5, rows=1000, **more):
    return ColumnFacts(name=name, shape=shape, distinct=distinct, rows=rows, **more)


ADULT = [
    column("age", "whole", 73),
    column("fnlwgt", "whole", 990),
    column("education"),
    column("marital-status"),
    column("relationship"),
    column("race"),
    column("sex", distinct=2),
    column("native-country", distinct=42),
    column("income", distinct=2, values=("<=50K", ">50K")),
]


def test_adult():
    roles = infer(ModelFacts(path="m.skops", classes=("<=50K", ">50K")), ADULT)
    assert roles.target == "income"
    assert roles.identifier is None
    assert roles.features == tuple(c.name for c in ADULT[:-1])
    harms = {s.column: s.harm for s in roles.sensitive}
    assert harms["race"] == "high"
    assert harms["sex"] == harms["marital-status"] == "medium"
    assert "fnlwgt" not in harms


def test_the_models_own_inputs_come_first():
    model = ModelFacts(path="m.skops", features=("sex", "age"))
    roles = infer(model, ADULT)
    assert roles.features == ("sex", "age")
    assert {s.column for s in roles.sensitive} == {"sex", "age"}
    assert roles.target == "income"


def test_an_input_is_never_taken_for_the_identifier_or_the_target():
    people = [column("name", distinct=1000), column("class", distinct=2), column("z", distinct=2)]
    roles = infer(ModelFacts(path="m.onnx", features=("name", "class")), people)
    assert roles.target == "z"
    assert roles.identifier is None


@pytest.mark.parametrize(
    ("found", "role"),
    [
        (column("ID", "whole", 1000), "ID"),
        (column("Patient ID", "text", 998), "Patient ID"),
        (column("e_mail", "text", 1000), "e_mail"),
        (column("Unnamed: 0", "whole", 1000), "Unnamed: 0"),
        (column("note", "text", 1000), "note"),  # a text of its own for everybody
        (column("id", "whole", 30), None),  # repeats: a code
        (column("id", "number", 1000), None),
        (column("amount", "whole", 1000), None),
        (column("id", "whole", 500, missing=500), "id"),
    ],
)
def test_identifiers(found, role):
    roles = infer(ModelFacts(call="m:f"), [found, column("x"), column("y", distinct=2)])
    assert roles.identifier == role
    assert (found.name in roles.features) == (role is None)


@pytest.mark.parametrize(
    ("found", "role"),
    [
        (column("is_member", "boolean", 2), "is_member"),
        (column("inTrain", "whole", 2, values=(0, 1)), "inTrain"),
        (column("member", "text", 2, values=("yes", "no")), "member"),
        (column("split", "text", 2, values=("train", "test")), None),  # which one is a member?
        (column("member", "whole", 3), None),
        (column("smoker", "boolean", 2), None),
    ],
)
def test_member_columns(found, role):
    roles = infer(ModelFacts(call="m:f"), [found, column("x"), column("y", distinct=2)])
    assert roles.member_column == role
    assert roles.target == "y"


def test_a_regressor_has_a_number_for_its_target():
    people = [column("dose", "number", 400), column("label", distinct=2), column("site")]
    assert infer(ModelFacts(call="m:f", task="regression"), people).target == "dose"
    assert infer(ModelFacts(call="m:f", task="classification"), people).target == "label"


def test_the_classes_of_the_model_find_the_target():
    people = [column("a", distinct=2, values=(1, 2)), column("class", distinct=2, values=(0, 1))]
    assert infer(ModelFacts(call="m:f", classes=("1", "2")), people).target == "a"


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("VKORC1 -1639 consensus", "severe"),
        ("Have you ever cheated on your significant other?", "severe"),
        ("hiv_status", "severe"),
        ("isPregnant", "severe"),
        ("convictions", "severe"),
        ("Race", "high"),
        ("RELIGION", "high"),
        ("smoker", "high"),
        ("annualIncome", "high"),
        ("BMI", "high"),
        ("GENDER", "medium"),
        ("maritalStatus", "medium"),
        ("zip", "medium"),
        ("AGE", "low"),
        # Words inside other words are no suspicion.
        ("essex", None), ("trace", None), ("mileage", None), ("average", None), ("stage", None),
        ("radius_std", None), ("surface", None), ("nondrug", None), ("", None), ("42", None),
    ],
)  # fmt: skip
def test_names_that_look_sensitive(name, harm):
    found = suspicion(column(name))
    assert (found.harm if found else None) == harm


def test_a_constant_column_has_nothing_to_hide():
    assert suspicion(column("race", distinct=1)) is None


def test_the_worst_of_each_class_are_chosen_and_the_others_named():
    many = [column(f"gene_{i}", missing=900 if i < 5 else 0) for i in range(10)]
    people = [*many, *ADULT]
    roles = infer(ModelFacts(call="m:f"), people)
    chosen, others = ([s.column for s in side] for side in (roles.sensitive, roles.also_sensitive))
    assert len(chosen) <= MOST_SENSITIVE
    assert [c for c in chosen if c.startswith("gene")] == ["gene_5", "gene_6"]  # few gaps first
    assert {"race", "native-country", "sex"} <= set(chosen)
    assert not set(chosen) & set(others)
    assert len(chosen) + len(others) == 10 + 7


def test_words_and_scales():
    assert words_of("HIV-status2 (self_reported)") == ["hiv", "status2", "self", "reported"]
    assert is_scale(column("x", "number", 25))
    assert not is_scale(column("x", "number", 24))
    assert not is_scale(column("x", "text", 999))


def test_one_column_is_enough():
    roles = infer(ModelFacts(call="m:f"), [column("x")])
    assert roles.target == "x"
    assert roles.features == ()
