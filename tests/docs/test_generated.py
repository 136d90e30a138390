"""The generated pages say what the code says now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    path = Path(__file__).parents[2] / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_command_line_page_is_the_help(generate: ModuleType) -> None:
    page = generate.HERE / "cli.md"
    assert page.read_text("utf-8") == generate.command_line(), "run `make docs`"


def test_configuration_page_is_the_schema(generate: ModuleType) -> None:
    page = generate.HERE / "configuration.md"
    assert page.read_text("utf-8") == generate.configuration(), "run `make docs`"


def test_every_key_is_described(generate: ModuleType) -> None:
    rows = [r for r in generate.configuration().splitlines() if r.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.endswith("|  |")]
