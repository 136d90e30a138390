"""The JSON is the record."""

import json

import pytest

from report import sample
from reticent.audit.record import Record
from reticent.report import render


@pytest.mark.parametrize("make", [sample.build, sample.empty, sample.large])
def test_it_reads_back_as_the_same_record(make):
    record = make()
    assert Record.model_validate_json(render(record, "json")) == record


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_names_come_back_as_they_were(name):
    record = sample.named(name)
    assert Record.model_validate(json.loads(render(record, "json"))) == record


def test_it_is_canonical():
    record = sample.build()
    turned = Record.model_validate(dict(reversed(list(record.model_dump().items()))))
    assert render(turned, "json") == render(record, "json")
