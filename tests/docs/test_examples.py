"""The examples are what the pages show, and they work."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_shows_the_plugin_as_it_is() -> None:
    page = (ROOT / "docs" / "add-an-attack.md").read_text("utf-8")
    for name in ("modified_entropy.py", "pyproject.toml"):
        assert (ROOT / "examples" / "plugin" / name).read_text("utf-8") in page
