"""Write the pages that are made from the code: the command line and the configuration.

Run with `make docs`; a test compares the pages with what this module returns.
"""

import dataclasses
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOTE = "<!-- Made by docs/generate.py: change the code, then run `make docs`. -->\n"
WIDTH = "88"


def command_line() -> str:
    """Return docs/cli.md: the help of every command, as a terminal of 88 columns shows it."""
    from reticent.cli.app import COMMANDS, GROUPS

    parts = [NOTE, "# Command line\n"]
    parts += _block("reticent", [])
    for command in COMMANDS:
        parts += _block(f"reticent {command.__name__}", [command.__name__])
    for group in (make() for make in GROUPS):
        name = str(group.info.name)
        parts += _block(f"reticent {name}", [name])
        for each in group.registered_commands:
            own = each.name or getattr(each.callback, "__name__", "")
            parts += _block(f"reticent {name} {own}", [name, own])
    parts += [
        "## Shell completion\n",
        "`reticent --install-completion` installs it for the shell you are in (bash, zsh, fish, "
        "PowerShell); `reticent --show-completion` prints the script instead.\n",
        "## Environment\n",
        "| variable | effect |",
        "|---|---|",
        "| `NO_COLOR` | no colours |",
        "| `RETICENT_DEBUG=1` | Python's traceback before the message of an error |\n",
    ]
    return "\n".join(parts)


def configuration() -> str:
    """Return docs/configuration.md: every table and key of reticent.toml."""
    from reticent.cli.example import CONFIG
    from reticent.config import Config, EmbeddingConfig, ImageConfig, LanguageConfig

    schema = Config.model_json_schema()
    parts = [
        NOTE,
        "# Configuration\n",
        "An audit is declared in one file, `reticent.toml`. `reticent init MODEL DATA` writes a "
        "commented one, and `reticent schema` prints its JSON Schema, which editors understand. "
        "Paths are relative to the file. A value that is not understood is an error with its "
        "line, the rule and the way out (exit code 4).\n",
        "A complete example, the one that `reticent demo` writes:\n",
        "```toml",
        CONFIG.format(seed=1978).rstrip(),
        "```\n",
    ]
    parts += _tables(schema)
    parts += [
        "# Models of pictures\n",
        '`modality = "image"` on a line of its own, above all tables, makes it an audit of a model '
        "of pictures: [how to audit a face model](images.md). `[[policy]]` is as above; the other "
        "tables are these. `reticent schema image-config` prints their JSON Schema.\n",
    ]
    pictures = ImageConfig.model_json_schema()
    parts += _tables(pictures, without=("modality", "policy"))
    parts += [
        "# Vectors of texts\n",
        '`modality = "embedding"` on a line of its own, above all tables, makes it an audit of an '
        "embedder: [how to audit vectors of texts](embeddings.md). `[[policy]]` is as above; the "
        "other tables are these. `reticent schema embedding-config` prints their JSON Schema.\n",
    ]
    parts += _tables(EmbeddingConfig.model_json_schema(), without=("modality", "policy"))
    parts += [
        "# Language models\n",
        '`modality = "text"` on a line of its own, above all tables, makes it an audit of a '
        "language model: [how to audit a language model](language-models.md). `[[policy]]` is as "
        "above; the other tables are these. `reticent schema text-config` prints their JSON "
        "Schema.\n",
    ]
    parts += _tables(LanguageConfig.model_json_schema(), without=("modality", "policy"))
    return "\n".join([*parts, *_defences()])


def _tables(schema: dict[str, Any], *, without: tuple[str, ...] = ()) -> list[str]:
    parts = []
    for name, entry in schema["properties"].items():
        if name in without:
            continue
        table, many = _table(entry, schema)
        title = f"[[{name}]]" if many else f"[{name}]"
        parts += [f"## `{title}`\n", f"{table.get('description', '')}\n"]
        parts += ["| key | type | default | meaning |", "|---|---|---|---|"]
        required = set(table.get("required", ()))
        for key, value in table["properties"].items():
            default = "required" if key in required else _default(value)
            meaning = _cell(value.get("description", ""))
            parts.append(f"| `{key}` | {_cell(_type(value, schema))} | {default} | {meaning} |")
        parts.append("")
    return parts


def _defences() -> list[str]:
    from reticent.defences import defence_kinds

    rows = [
        "## Defences\n",
        "What `defences` may hold, as `{ kind = ..., setting = ... }`. They are applied in order, "
        "and none can widen a channel.\n",
        "| kind | settings | what it does |",
        "|---|---|---|",
    ]
    for kind, defence in defence_kinds().items():
        settings = ", ".join(f"`{field.name}`" for field in dataclasses.fields(defence))
        meaning = (inspect.getdoc(defence) or "").split("\n\n", 1)[0].split("\n")
        rows.append(f"| `{kind}` | {settings} | {_cell(' '.join(meaning))} |")
    return [*rows, ""]


def pages() -> dict[Path, str]:
    """Return path -> content of every generated page."""
    return {HERE / "cli.md": command_line(), HERE / "configuration.md": configuration()}


def _block(title: str, arguments: list[str]) -> list[str]:
    return [f"## `{title}`\n", "```text", _help(arguments), "```\n"]


def _help(arguments: list[str]) -> str:
    plain = {"COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "NO_COLOR": "1", "TERM": "dumb"}
    noisy = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
    env = {k: v for k, v in os.environ.items() if k not in noisy}
    code = "import sys; from reticent.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"],
        env=env | plain | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines()).strip("\n")


def _table(entry: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    if "anyOf" in entry:  # a table that may be left out
        entry = next(each for each in entry["anyOf"] if each.get("type") != "null")
    many = entry.get("type") == "array"
    reference = entry["items"] if many else entry
    return schema["$defs"][reference["$ref"].rsplit("/", 1)[1]], many


def _type(value: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in value:
        named = schema["$defs"][value["$ref"].rsplit("/", 1)[1]]
        keys = ", ".join(named.get("properties", {}))
        return f"table of {keys}" if keys else "table"
    if "anyOf" in value:
        kinds = [_type(v, schema) for v in value["anyOf"] if v.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in value:
        return f"`{value['const']!r}`".replace("'", '"')
    if "enum" in value:
        return ", ".join(f'`"{each}"`' for each in value["enum"])
    kind = value.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(_WORDS[each] for each in kind)
    if kind == "array":
        return f"list of {_type(value.get('items', {}), schema)}"
    return _WORDS.get(kind, kind) + _limits(value)


_WORDS = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true/false",
    "object": "table",
    "any": "any",
}


def _limits(value: dict[str, Any]) -> str:
    names = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {_number(value[name])}" for name, sign in names.items() if name in value]
    return f" ({', '.join(found)})" if found else ""


def _number(limit: float) -> str:
    return f"{limit:,.0f}" if limit == int(limit) else f"{limit:g}"


def _default(value: dict[str, Any]) -> str:
    if value.get("default") is None:
        return ""
    import json

    return f"`{json.dumps(value['default'])}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    for path, content in pages().items():
        path.write_text(content, encoding="utf-8")
