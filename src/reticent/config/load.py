"""Read reticent.toml; say everything that is wrong with it at once, each at its line."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from reticent.config.audited import Audited
from reticent.config.checks import faults_between
from reticent.config.embedding import EmbeddingConfig
from reticent.config.faults import Fault, did_you_mean, shown, written
from reticent.config.images import ImageConfig
from reticent.config.language import LanguageConfig
from reticent.config.lines import Key, line_numbers, nearest
from reticent.config.schema import Config, GuardFile
from reticent.config.schema_faults import faults_from, small
from reticent.core import BadInput

MOST_BYTES = 1_000_000
MOST_FAULTS = 50
WRITE_ONE = 'Let "reticent init MODEL DATA" write one.'
WRITE_A_GUARDS = 'Correct the path; "reticent guard --demo" writes one to start from, and runs it.'
A = TypeVar("A", bound=Audited)
AuditConfig: TypeAlias = Config | ImageConfig | EmbeddingConfig | LanguageConfig
"""An audit, of whatever modality."""

FORMS: Mapping[str, type[AuditConfig]] = {
    "image": ImageConfig,
    "embedding": EmbeddingConfig,
    "text": LanguageConfig,
}


def load_audit(path: Path, *, files: bool = True) -> AuditConfig:
    """Return the configuration of an audit: of tables unless `modality` says otherwise.

    Args:
        path: a TOML file in UTF-8, of at most a megabyte.
        files: also check that every file it names is there.

    Raises: BadInput with one line a fault: file, line, value, rule, way out.
    """
    doc, lines = _document(path)
    form: type[AuditConfig] = Config
    if "modality" in doc:
        asked = doc["modality"]
        if not isinstance(asked, str) or asked not in FORMS:
            fault = Fault(
                ("modality",),
                f"modality is {shown(asked)}; it must be one of {', '.join(map(repr, FORMS))}, "
                "or left out for tables.",
            )
            _raise([fault], str(path), lines)
        form = FORMS[asked]
    return _placed(path, doc, lines, form, files=files)


def load(path: Path, *, files: bool = True) -> Config:
    """Return the configuration of an audit of tables in `path`, as `load_audit` does."""
    doc, lines = _document(path)
    return _placed(path, doc, lines, Config, files=files)


def _placed(
    path: Path, doc: Mapping[str, Any], lines: Mapping[Key, int], form: type[A], *, files: bool
) -> A:
    try:
        found = parse(doc, form, name=str(path), lines=lines).written_in(path, lines)
    except RecursionError as error:
        raise _too_deep(path, WRITE_ONE) from error
    if files:
        _raise(list(_missing(found)), str(path), lines)
    return found


def load_guard(path: Path) -> GuardFile:
    """Return what a guard needs of the configuration in `path`.

    Raises: BadInput with one line a fault: file, line, value, rule, way out.
    """
    doc, lines = _document(path, way_out=WRITE_A_GUARDS)
    try:
        if "model" in doc and "data" in doc:
            parse(
                doc, Config, name=str(path), lines=lines
            )  # one file for both: all of it must be right
        return parse_guard(doc, name=str(path), lines=lines).written_in(path)
    except RecursionError as error:
        raise _too_deep(path, WRITE_A_GUARDS) from error


def parse_guard(
    doc: Mapping[str, Any], *, name: str = "configuration", lines: Mapping[Key, int] | None = None
) -> GuardFile:
    """Return the guard's part of a configuration that plain data describe.

    Raises: BadInput with one line a fault.
    """
    known = list(Config.model_fields)
    faults = [
        Fault((key,), f"Unknown key {key}.", did_you_mean(key, known))
        for key in doc
        if key not in known
    ]
    own = {key: doc[key] for key in ("guard", "policy") if key in doc}
    faults += faults_between(own)
    try:
        read = GuardFile.model_validate(own)
    except ValidationError as error:
        faults = [*faults_from(error.errors(include_url=False), own, Config), *faults]
    _raise(faults, name, lines)
    return read


def parse(
    doc: Mapping[str, Any],
    form: type[A],
    *,
    name: str = "configuration",
    lines: Mapping[Key, int] | None = None,
) -> A:
    """Return the configuration that plain data describe.

    Args:
        doc: what reticent.toml would hold.
        form: what it must be, such as `Config` for tables.
        name: how messages call it.
        lines: key path -> line, if it came from a text.

    Raises: BadInput with one line a fault.
    """
    try:
        return form.model_validate(doc)
    except ValidationError as error:
        details = error.errors(include_url=False)
    _raise([*faults_from(details, doc, form), *form.faults_in(doc)], name, lines)
    raise BadInput(f"{name}: it cannot be used ({details[0]['msg']}).")  # pragma: no cover


def _document(path: Path, *, way_out: str = WRITE_ONE) -> tuple[dict[str, Any], dict[Key, int]]:
    text = _read(path, way_out)
    try:
        return tomllib.loads(text), line_numbers(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, text, error) from error
    except RecursionError as error:
        raise _too_deep(path, way_out) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise BadInput(f"{path}: it holds a value that cannot be read ({error}).") from error


def _too_deep(path: Path, way_out: str) -> BadInput:
    return BadInput(f"{path}: its values are nested too deep.", way_out=way_out)


def json_schema(form: type[Audited] = Config) -> dict[str, Any]:
    """Return the JSON Schema of reticent.toml, about tables unless `form` says otherwise."""
    schema = form.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "reticent.toml"} | {
        key: value for key, value in schema.items() if key != "title"
    }


def _read(path: Path, way_out: str) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadInput(
                f"{path} has {size} bytes; a configuration has at most {MOST_BYTES}.",
                way_out="Is it a data file? Give the path of reticent.toml.",
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such file.", way_out=way_out) from error
    except IsADirectoryError as error:
        raise BadInput(
            f"{path} is a folder; a file is needed.",
            way_out=f"Try {path / 'reticent.toml'}.",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise BadInput(f"{path}: it cannot be read ({error}).") from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(
            f"{path}:1: it is written in UTF-16; TOML is UTF-8.",
            way_out="Save it as UTF-8 in your editor.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{path}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8, which TOML must be.",
            way_out="Save it as UTF-8 in your editor.",
        ) from error


def _syntax(path: Path, text: str, error: tomllib.TOMLDecodeError) -> BadInput:
    """Return tomllib's message with its "(at line 3, column 5)" moved to the front."""
    what, _, place = str(error).partition(" (at ")
    line = text.count("\n") + 1
    if place.startswith("line "):
        line = int(place.removeprefix("line ").split(",")[0])
    column = place.partition("column ")[2].rstrip(")")
    near = text.split("\n")[line - 1].strip() if line <= text.count("\n") + 1 else ""
    where = f" at column {column}" if column else " at the end of the file"
    return BadInput(
        f"{path}:{line}: this is not TOML: {small(what)}{where}, near {shown(near)}.",
        way_out='Texts need quotes, as in owner = "Credit risk team".',
    )


def _missing(config: Audited) -> Iterator[Fault]:
    """Yield a fault for every file that the configuration names and that is not there."""
    for key, source in config.files.items():
        place, folders = config.base / source, key in config.folders
        try:
            if place.is_file() or (folders and place.is_dir()):
                continue
            if place.is_dir():
                yield Fault(key, f"{written(key)} is {shown(source)}, a folder; name a file.")
                continue
            beside = [other.name for other in place.parent.iterdir()]
        except (OSError, ValueError):  # a folder that is not there, a name no file can have
            beside = []
        what = "file or folder" if folders else "file"
        yield Fault(
            key,
            f"{written(key)} is {shown(source)}; there is no such {what} in {str(config.base)!r}.",
            did_you_mean(place.name, beside)
            or "Correct the name; it is taken relative to the configuration.",
        )


def _raise(faults: list[Fault], name: str, lines: Mapping[Key, int] | None) -> None:
    """Raise BadInput if there are faults: in the order of the file, each on a line of its own."""
    if not faults:
        return
    told = []
    for fault in faults:
        line = nearest(lines, fault.key) if lines is not None else 0
        told.append((line, f"{name}:{line}: {fault}" if lines is not None else f"{name}: {fault}"))
    told.sort(key=lambda pair: pair[0])
    texts = [" ".join(text.split()) for _, text in told]
    if len(texts) > MOST_FAULTS:
        texts = [*texts[:MOST_FAULTS], f"{name}: and {len(texts) - MOST_FAULTS} more."]
    raise BadInput("\n".join(texts))
