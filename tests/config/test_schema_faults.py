"""What pydantic finds becomes our words, at keys that are in the file."""

import pytest
from pydantic import ValidationError

from reticent.config import Config, EmbeddingConfig
from reticent.config.schema_faults import faults_from, small, tables_of

GOOD = {
    "model": {"owner": "Credit risk team", "path": "model.skops"},
    "data": {"members": "a.csv", "non_members": "b.csv", "target": "y"},
}


def found(doc, form=Config):
    with pytest.raises(ValidationError) as caught:
        form.model_validate(doc)
    return {fault.key: fault for fault in faults_from(caught.value.errors(), doc, form)}


def with_(table, **values):
    return {**GOOD, table: {**GOOD.get(table, {}), **values}}


def test_a_missing_table_is_named_with_its_way_out():
    (fault,) = found({"model": GOOD["model"]}).values()
    assert fault.key == ("data",)
    assert fault.what == "The file has no [data], which is required."
    assert fault.way_out == Config.required["data",]


def test_a_missing_key_is_named_with_its_table():
    (fault,) = found({**GOOD, "sensitive": [{"column": "smoker"}]}).values()
    assert fault.key == ("sensitive", 0, "harm")
    assert fault.what == "[sensitive[1]] has no harm, which is required."
    assert fault.way_out == Config.required["sensitive", "harm"]


def test_an_unknown_key_is_compared_with_the_known_ones_of_its_table():
    faults = found({**with_("data", tarjet="y"), "adversary": {"zzzzzz": 1}})
    assert faults["data", "tarjet"].way_out == "Did you mean 'target'?"
    assert faults["adversary", "zzzzzz"].way_out.startswith("Known here: ")
    assert "query_budget" in faults["adversary", "zzzzzz"].way_out
    assert "identifier" not in faults["adversary", "zzzzzz"].way_out


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("seed", "seven", "audit.seed is 'seven'; it must be an integer."),
        ("attacks", "lira", "audit.attacks is 'lira'; it must be a list."),
        ("tolerance", 2.0, "audit.tolerance is 2.0; it must be less than 1."),
    ],
)
def test_a_value_of_the_wrong_kind_is_said_in_words_of_the_file(key, value, what):
    assert found(with_("audit", **{key: value}))["audit", key].what == what


def test_names_of_python_types_are_no_part_of_a_message():
    fault = found({**GOOD, "data": 3})["data",]
    assert fault.what == "data is 3; it must be a table."


def test_a_rule_of_ours_brings_its_way_out():
    fault = found({**GOOD, "model": {"owner": "TODO", "path": "m.skops"}})["model", "owner"]
    assert fault.what.endswith("it must name a person or a team who answers for this model.")
    assert fault.way_out.startswith("Write for example owner")


def test_a_list_with_a_bad_entry_is_not_called_too_short():
    faults = found({**GOOD, "policy": [{"name": 3}]})
    assert list(faults) == [("policy", 0, "name")]


def test_each_key_is_said_once():
    # Not one of the two kinds that it may be: pydantic says so twice.
    assert list(found(with_("audit", declared=3))) == [("audit", "declared")]


def test_tables_within_tables_are_found():
    tables = tables_of(EmbeddingConfig)
    assert {(), ("model",), ("policy",), ("audit", "declared")} <= set(tables)
    assert "pooling" in tables["model",].model_fields


def test_a_sentence_behind_a_semicolon():
    assert small("It must be so.") == "it must be so."
    assert small("") == ""
