"""Read reticent.toml; say everything that is wrong with it at once, each at its line."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reticent.config.checks import faults_between, is_sql
from reticent.config.embedding import (
    EmbeddingAdversary,
    EmbeddingAudit,
    EmbeddingConfig,
    EmbeddingData,
    EmbeddingModel,
    embedding_faults,
)
from reticent.config.faults import Fault, did_you_mean, shown, written
from reticent.config.guard import (
    Allowance,
    Endpoint,
    Guard,
    Input,
    Jwt,
    Limits,
    Proxy,
    Window,
)
from reticent.config.images import (
    ImageAdversary,
    ImageAudit,
    ImageConfig,
    ImageData,
    ImageExposure,
    ImageModel,
    image_faults,
)
from reticent.config.language import (
    LanguageAdversary,
    LanguageAudit,
    LanguageConfig,
    LanguageData,
    LanguageTarget,
    language_faults,
)
from reticent.config.lines import Key, line_numbers, nearest
from reticent.config.schema import (
    Adversary,
    Audit,
    Config,
    Data,
    Declared,
    Exposure,
    GuardFile,
    Model,
    PolicyTable,
    Sensitive,
)
from reticent.config.text_filter import TextFilter
from reticent.core import BadInput

MOST_BYTES = 1_000_000
MOST_FAULTS = 50
_WORDS = (
    ("string", "text"),
    ("dictionary", "table"),
    ("a boolean", "true or false"),
    ("tuple", "list"),
    ("Tuple", "list"),
    ("a integer", "an integer"),
    (" after validation", ""),
    *((f" or instance of Embedding{kind}", "") for kind in ("Model", "Data", "Audit", "Adversary")),
    *((f" or instance of Language{kind}", "") for kind in ("Target", "Data", "Audit", "Adversary")),
    *((f" or instance of {kind}", "") for kind in ("ImageModel", "ImageData", "ImageAudit")),
    *((f" or instance of {kind}", "") for kind in ("ImageAdversary", "ImageExposure")),
    *((f" or instance of {kind}", "") for kind in ("Model", "Data", "Audit", "Adversary")),
    *((f" or instance of {kind}", "") for kind in ("Exposure", "Sensitive", "PolicyTable")),
    *((f" or instance of {kind}", "") for kind in ("Guard", "Endpoint", "Jwt", "Proxy", "Limits")),
    *((f" or instance of {kind}", "") for kind in ("Allowance", "Window", "Input", "TextFilter")),
)
WRITE_ONE = 'Let "reticent init MODEL DATA" write one.'

_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Config,
    ("model",): Model,
    ("data",): Data,
    ("sensitive",): Sensitive,
    ("adversary",): Adversary,
    ("exposure",): Exposure,
    ("policy",): PolicyTable,
    ("audit",): Audit,
    ("audit", "declared"): Declared,
    ("guard",): Guard,
    ("guard", "jwt"): Jwt,
    ("guard", "proxy"): Proxy,
    ("guard", "endpoint"): Endpoint,
    ("guard", "endpoint", "inputs"): Input,
    ("guard", "endpoint", "limits"): Limits,
    ("guard", "endpoint", "text_filter"): TextFilter,
    **{
        ("guard", "endpoint", "limits", who, *rest): table
        for who in ("identity", "token", "network")
        for rest, table in (((), Allowance), (("rolling",), Window))
    },
}
_IMAGE_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): ImageConfig,
    ("model",): ImageModel,
    ("data",): ImageData,
    ("adversary",): ImageAdversary,
    ("exposure",): ImageExposure,
    ("policy",): PolicyTable,
    ("audit",): ImageAudit,
    ("audit", "declared"): Declared,
}
_IMAGE_REQUIRED = {
    ("model",): "Write [model] with owner and path.",
    ("model", "owner"): "Name the person or team who answers for this model: "
    'owner = "Door camera team".',
    ("model", "path"): 'Name the model file: path = "model.skops".',
    ("data",): "Write [data] with training and held_out.",
    ("data", "training"): "Name the folder or .npz file of photos that the model was trained on.",
    ("data", "held_out"): "Name photos of the same people that the model was not trained on: the "
    "judges learn from them.",
    ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
}
_EMBEDDING_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): EmbeddingConfig,
    ("model",): EmbeddingModel,
    ("data",): EmbeddingData,
    ("adversary",): EmbeddingAdversary,
    ("policy",): PolicyTable,
    ("audit",): EmbeddingAudit,
    ("audit", "declared"): Declared,
}
_EMBEDDING_REQUIRED = {
    ("model",): "Write [model] with owner and path (or call, or url).",
    ("model", "owner"): "Name the person or team who answers for the vectors: "
    'owner = "Search team".',
    ("data",): "Write [data] with texts.",
    ("data", "texts"): "Name a file with texts of the kind that the store holds.",
    ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
}
_LANGUAGE_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    (): LanguageConfig,
    ("model",): LanguageTarget,
    ("data",): LanguageData,
    ("adversary",): LanguageAdversary,
    ("policy",): PolicyTable,
    ("audit",): LanguageAudit,
    ("audit", "declared"): Declared,
}
_LANGUAGE_REQUIRED = {
    ("model",): "Write [model] with owner and path (or url).",
    ("model", "owner"): "Name the person or team who answers for this model: "
    'owner = "Support team".',
    ("data",): "Write [data] with training and unseen.",
    ("data", "training"): "Name a folder, file or table of documents that it was trained on.",
    ("data", "unseen"): "Name documents of the same kind that it never saw: every rate stands "
    "beside theirs.",
    ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
}
_REQUIRED = {
    ("model",): "Write [model] with owner and path (or call).",
    ("model", "owner"): "Name the person or team who answers for this model: "
    'owner = "Credit risk team".',
    ("data",): "Write [data] with members, non_members and target.",
    ("data", "target"): "Name the column that the model predicts.",
    ("sensitive", "column"): "Name the column.",
    ("sensitive", "harm"): 'Declare how much it would hurt: "low", "medium", "high" or "severe".',
    ("guard",): "Write [guard] and a [[guard.endpoint]] table for each model.",
    ("guard", "endpoint"): "Write a [[guard.endpoint]] table for each model.",
    ("guard", "endpoint", "owner"): "Name the person or team who answers for this model.",
    ("guard", "endpoint", "upstream"): 'Say where it is: upstream = "http://127.0.0.1:9000".',
    ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
}


@dataclass(frozen=True, slots=True)
class _Form:
    """What messages about one kind of configuration need to know.

    Attributes:
        sections: place of a table -> what it may hold.
        required: place of a key -> how to supply it.
    """

    sections: Mapping[tuple[str, ...], type[BaseModel]]
    required: Mapping[tuple[str, ...], str]


_TABULAR = _Form(_SECTIONS, _REQUIRED)
_IMAGE = _Form(_IMAGE_SECTIONS, _IMAGE_REQUIRED)
_EMBEDDING = _Form(_EMBEDDING_SECTIONS, _EMBEDDING_REQUIRED)
_LANGUAGE = _Form(_LANGUAGE_SECTIONS, _LANGUAGE_REQUIRED)


def load_audit(
    path: Path, *, files: bool = True
) -> Config | ImageConfig | EmbeddingConfig | LanguageConfig:
    """Return the configuration of an audit: of tables unless `modality` says otherwise.

    Args:
        path: a TOML file in UTF-8, of at most a megabyte.
        files: also check that every file it names is there.

    Raises: BadInput with one line a fault: file, line, value, rule, way out.
    """
    doc, lines = _document(path)
    if "modality" not in doc:
        return load(path, files=files)
    if doc["modality"] == "embedding":
        found = parse_embedding(doc, name=str(path), lines=lines).written_in(path, lines)
        if files:
            _raise(list(_missing_texts(found)), str(path), lines)
        return found
    if doc["modality"] == "text":
        language = parse_language(doc, name=str(path), lines=lines).written_in(path, lines)
        if files:
            _raise(list(_missing_texts(language)), str(path), lines)
        return language
    if doc["modality"] != "image":
        fault = Fault(
            ("modality",),
            f'modality is {shown(doc["modality"])}; it must be "image", "embedding" or "text", '
            "or left out for tables.",
        )
        _raise([fault], str(path), lines)
    config = parse_image(doc, name=str(path), lines=lines).written_in(path, lines)
    if files:
        _raise(list(_missing_pictures(config)), str(path), lines)
    return config


def parse_language(
    doc: Mapping[str, Any], *, name: str = "configuration", lines: Mapping[Key, int] | None = None
) -> LanguageConfig:
    """Return the configuration of an audit of a language model that plain data describe.

    Raises: BadInput with one line a fault.
    """
    try:
        return LanguageConfig.model_validate(doc)
    except ValidationError as error:
        details = error.errors(include_url=False)
    _raise([*_from_schema(details, doc, _LANGUAGE), *language_faults(doc)], name, lines)
    raise BadInput(f"{name}: it cannot be used ({details[0]['msg']}).")  # pragma: no cover


def parse_embedding(
    doc: Mapping[str, Any], *, name: str = "configuration", lines: Mapping[Key, int] | None = None
) -> EmbeddingConfig:
    """Return the configuration of an audit of vectors that plain data describe.

    Raises: BadInput with one line a fault.
    """
    try:
        return EmbeddingConfig.model_validate(doc)
    except ValidationError as error:
        details = error.errors(include_url=False)
    _raise([*_from_schema(details, doc, _EMBEDDING), *embedding_faults(doc)], name, lines)
    raise BadInput(f"{name}: it cannot be used ({details[0]['msg']}).")  # pragma: no cover


def parse_image(
    doc: Mapping[str, Any], *, name: str = "configuration", lines: Mapping[Key, int] | None = None
) -> ImageConfig:
    """Return the configuration of an audit of pictures that plain data describe.

    Raises: BadInput with one line a fault.
    """
    try:
        return ImageConfig.model_validate(doc)
    except ValidationError as error:
        details = error.errors(include_url=False)
    _raise([*_from_schema(details, doc, _IMAGE), *image_faults(doc)], name, lines)
    raise BadInput(f"{name}: it cannot be used ({details[0]['msg']}).")  # pragma: no cover


def load(path: Path, *, files: bool = True) -> Config:
    """Return the configuration in `path`.

    Args:
        path: a TOML file in UTF-8, of at most a megabyte.
        files: also check that every file it names is there.

    Raises: BadInput with one line a fault: file, line, value, rule, way out.
    """
    doc, lines = _document(path)
    try:
        config = parse(doc, name=str(path), lines=lines)
    except RecursionError as error:
        raise _too_deep(path) from error
    config = config.written_in(path, lines)
    if files:
        _raise(list(_missing_files(config)), str(path), lines)
    return config


def load_guard(path: Path) -> GuardFile:
    """Return what a guard needs of the configuration in `path`.

    Raises: BadInput with one line a fault: file, line, value, rule, way out.
    """
    doc, lines = _document(path)
    try:
        if "model" in doc and "data" in doc:
            parse(doc, name=str(path), lines=lines)  # one file for both: all of it must be right
        return parse_guard(doc, name=str(path), lines=lines).written_in(path)
    except RecursionError as error:
        raise _too_deep(path) from error


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
        faults = [*_from_schema(error.errors(include_url=False), own), *faults]
    _raise(faults, name, lines)
    return read


def parse(
    doc: Mapping[str, Any], *, name: str = "configuration", lines: Mapping[Key, int] | None = None
) -> Config:
    """Return the configuration that plain data describe.

    Args:
        doc: what reticent.toml would hold.
        name: how messages call it.
        lines: key path -> line, if it came from a text.

    Raises: BadInput with one line a fault.
    """
    try:
        return Config.model_validate(doc)
    except ValidationError as error:
        details = error.errors(include_url=False)
    faults = list(_from_schema(details, doc)) + faults_between(doc)
    _raise(faults, name, lines)
    raise BadInput(f"{name}: it cannot be used ({details[0]['msg']}).")  # pragma: no cover


def _document(path: Path) -> tuple[dict[str, Any], dict[Key, int]]:
    text = _read(path)
    try:
        return tomllib.loads(text), line_numbers(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, text, error) from error
    except RecursionError as error:
        raise _too_deep(path) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise BadInput(f"{path}: it holds a value that cannot be read ({error}).") from error


def _too_deep(path: Path) -> BadInput:
    return BadInput(f"{path}: its values are nested too deep.", way_out=WRITE_ONE)


def json_schema(form: type[Config] | type[ImageConfig] = Config) -> dict[str, Any]:
    """Return the JSON Schema of reticent.toml, about tables or about pictures."""
    schema = form.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "reticent.toml"} | {
        key: value for key, value in schema.items() if key != "title"
    }


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadInput(
                f"{path} has {size} bytes; a configuration has at most {MOST_BYTES}.",
                way_out="Is it a data file? Give the path of reticent.toml.",
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such file.", way_out=WRITE_ONE) from error
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
        f"{path}:{line}: this is not TOML: {_small(what)}{where}, near {shown(near)}.",
        way_out='Texts need quotes, as in owner = "Credit risk team".',
    )


def _from_schema(
    details: Iterable[ErrorDetails], doc: Mapping[str, Any], form: _Form = _TABULAR
) -> Iterable[Fault]:
    faults: dict[Key, Fault] = {}
    for detail in details:
        if detail["loc"] == ():
            continue  # what does not fit together: `faults_between` says it, each at its place
        fault = _from_detail(detail, doc, form)
        faults.setdefault(fault.key, fault)
    # A list is also "too short" when an entry of it is bad: say the cause alone.
    causes = {key[:i] for key in faults for i, part in enumerate(key) if isinstance(part, int)}
    return [fault for key, fault in faults.items() if key not in causes]


def _from_detail(detail: ErrorDetails, doc: Mapping[str, Any], form: _Form) -> Fault:
    missing, unknown = detail["type"] == "missing", detail["type"] == "extra_forbidden"
    key = _present(detail["loc"][: -1 if missing else None], doc)
    place = tuple(part for part in key if isinstance(part, str))
    if missing:
        absent = str(detail["loc"][-1])
        table = f"[{written(key)}]" if key else "The file"
        return Fault(
            (*key, absent),
            f"{table} has no {absent if key else f'[{absent}]'}, which is required.",
            form.required.get((*place, absent), ""),
        )
    if unknown:
        known = _fields(place[:-1], form)
        return Fault(
            key,
            f"Unknown key {written(key)}.",
            did_you_mean(str(key[-1]), known) or f"Known here: {', '.join(known)}.",
        )
    context = detail.get("ctx", {})
    rule = detail["msg"].replace("Input should be", "it must be").replace("a valid ", "a ")
    for theirs, ours in _WORDS:
        rule = rule.replace(theirs, ours)
    return Fault(
        key,
        f"{written(key)} is {shown(detail['input'])}; {_small(rule).rstrip('.')}.",
        str(context.get("way_out", "")),
    )


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _present(loc: Iterable[str | int], doc: Any) -> Key:
    """Return the part of pydantic's location that is in the document: no names of types."""
    key: Key = ()
    for part in loc:
        entry = isinstance(doc, (list, tuple)) and isinstance(part, int) and part < len(doc)
        if entry or (isinstance(doc, Mapping) and part in doc):
            doc = doc[part]
            key = (*key, part)
    return key


def _fields(place: tuple[str, ...], form: _Form) -> list[str]:
    table = form.sections.get(place)
    return list(table.model_fields) if table else []


def _missing_files(config: Config) -> Iterable[Fault]:
    named: list[tuple[Key, str | None]] = [(("model", "path"), config.model.path)]
    for name in ("members", "non_members", "source", "auxiliary"):
        named.append((("data", name), getattr(config.data, name)))
    for key, source in named:
        if source is None or is_sql(source):
            continue
        file = config.base / source
        try:
            if file.is_file():
                continue
            if file.is_dir():
                yield Fault(key, f"{written(key)} is {shown(source)}, a folder; name a file.")
                continue
            beside = [other.name for other in file.parent.iterdir()]
        except (OSError, ValueError):  # a folder that is not there, a name no file can have
            beside = []
        yield Fault(
            key,
            f"{written(key)} is {shown(source)}; there is no such file in {str(config.base)!r}.",
            did_you_mean(file.name, beside)
            or "Correct the name; it is taken relative to the configuration.",
        )


def _missing_texts(config: EmbeddingConfig | LanguageConfig) -> Iterable[Fault]:
    folders: tuple[str, ...] = ("path", "public_model")
    if isinstance(config, LanguageConfig):
        folders = ("path", "tokenizer", "training", "unseen", "public", "reference")
    for key, source in config.files.items():
        place = config.base / source
        try:
            if place.is_file() or (place.is_dir() and key[-1] in folders):
                continue
            beside = [other.name for other in place.parent.iterdir()]
        except (OSError, ValueError):  # a folder that is not there, a name no file can have
            beside = []
        yield Fault(
            key,
            f"{written(key)} is {shown(source)}; there is no such file in {str(config.base)!r}.",
            did_you_mean(place.name, beside)
            or "Correct the name; it is taken relative to the configuration.",
        )


def _missing_pictures(config: ImageConfig) -> Iterable[Fault]:
    named: list[tuple[Key, str | None, bool]] = [(("model", "path"), config.model.path, False)]
    for name in ("training", "held_out", "public"):
        named.append((("data", name), getattr(config.data, name), True))
    for key, source, folders in named:
        if source is None:
            continue
        place = config.base / source
        try:
            if place.is_file() or (folders and place.is_dir()):
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
