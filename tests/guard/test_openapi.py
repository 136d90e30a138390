"""The description of the callers' routes is valid, follows the configuration, and is not served."""

import json
from pathlib import Path

import jsonschema
import pytest
from guard.every_protocol import described

from reticent.cli import main
from reticent.guard.openapi import describe_openapi

CONFIG = """
[[policy]]
name = "p"
defences = []
[guard]
[[guard.endpoint]]
model = "m"
owner = "Oncology research"
protocol = "mlflow"
upstream = "http://inside.example:9"
inputs = [{name = "age", kind = "integer", low = 18.0}]
"""


@pytest.fixture(scope="module")
def description():
    return describe_openapi(described("http://inside.example:9", Path("/nowhere")))


def test_every_example_fits_its_schema(description):
    fitted = 0
    for item in description["paths"].values():
        for content in item["post"]["requestBody"]["content"].values():
            schema = content["schema"]
            jsonschema.Draft202012Validator.check_schema(schema)
            for example in content["examples"].values():
                jsonschema.validate(example["value"], schema)
                fitted += 1
    assert fitted >= 30


def test_it_names_every_model_and_no_server(description):
    text = json.dumps(description)
    assert "inside.example" not in text
    chats = description["paths"]["/v1/chat/completions"]["post"]
    assert chats["operationId"] == "default.openai-chat-text-2+default.openai-chat-text"
    assert len(chats["requestBody"]["content"]["application/json"]["schema"]["anyOf"]) == 2
    assert set(chats["responses"]) >= {"200", "400", "401", "404", "413", "422", "429", "503"}


def test_the_command_prints_it(tmp_path, capsys):
    path = tmp_path / "reticent.toml"
    path.write_text(CONFIG)
    assert main(["guard", str(path), "--openapi"]) == 0
    operation = json.loads(capsys.readouterr().out)["paths"]["/invocations"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["examples"]["m"]["value"]
    assert example["dataframe_split"] == {"columns": ["age"], "data": [[18]]}
    assert not (tmp_path / "guard-state").exists()
