import json

import pytest
from jsonschema import Draft202012Validator

from reticent.cli import main


@pytest.mark.parametrize(
    "which", ["config", "image-config", "embedding-config", "text-config", "record"]
)
def test_prints_a_valid_schema(which: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", which]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    wanted = {"config": "model", "record": "cells"}.get(which, "modality")
    assert wanted in schema["required"]


def test_config_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    main(["schema"])
    first = capsys.readouterr().out
    main(["schema", "config"])
    assert capsys.readouterr().out == first
