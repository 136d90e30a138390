"""Records on disk: canonical JSON with a digest over everything but the run itself."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reticent.audit.probe_record import ProbeRecord, digest_of_probe
from reticent.audit.record import SCHEMA_VERSION, Record
from reticent.core import BadInput, BadRecord


def digest_of(record: Record) -> str:
    """Return SHA-256, in hex, over the canonical JSON of the record without `run` and `digest`."""
    body = record.model_dump(mode="json", exclude={"run", "digest"})
    if record.images is None:  # a record from before there were pictures keeps its digest
        del body["images"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(record: Record) -> Record:
    """Return the record with its digest filled in."""
    return record.model_copy(update={"digest": digest_of(record)})


def to_json(record: Record) -> str:
    """Return the record as the JSON that is kept: sorted keys, two spaces, a last newline."""
    body = record.model_dump(mode="json")
    return json.dumps(body, sort_keys=True, indent=2, allow_nan=False) + "\n"


def save(record: Record, path: Path) -> None:
    """Write a record, whole or not at all.

    Raises: BadInput if it cannot be written; a record that was there before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".record-", dir=path.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(to_json(sealed(record)))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror or error}.",
            way_out="Free some room or choose another place; what was there before is unchanged.",
        ) from error


def load_any(path: Path) -> Record | ProbeRecord:
    """Return the record of an audit, or of a probe, from disk.

    Raises: BadRecord if it is missing, truncated, of another version, or altered.
    """
    body = _body(path)
    if not (isinstance(body, dict) and body.get("kind") == "probe"):
        return load(path)
    probe = _probe(path, body)
    _undamaged(path, says=probe.digest, has=digest_of_probe(probe))
    return probe


def load(path: Path) -> Record:
    """Return the record of an audit from disk.

    Raises: BadRecord if it is missing, truncated, of another version, or altered.
    """
    record = _parse(path)
    _undamaged(path, says=record.digest, has=digest_of(record))
    return record


def _undamaged(path: Path, *, says: str, has: str) -> None:
    if says != has:
        raise BadRecord(
            f"{path} says digest {says[:12] or 'nothing'}, but its content has "
            f"{has[:12]}: it was altered after it was written.",
            way_out="Use the original file, or audit again.",
        )


def verify(path: Path) -> list[str]:
    """Return what is wrong with a record on disk; an empty list if nothing is.

    A digest proves that nothing changed since it was written, not who wrote it.
    """
    try:
        body = _body(path)
        if isinstance(body, dict) and body.get("kind") == "probe":
            load_any(path)
            return []
        record = _parse(path)
    except BadRecord as error:
        return [str(error)]
    problems: list[str] = []
    if record.digest != digest_of(record):
        problems.append(
            f"The record says digest {record.digest or 'nothing'}, its content has "
            f"{digest_of(record)}."
        )
    problems += [
        f"Policy {entry.name!r} says digest {entry.digest}, its defences have {found}."
        for entry in record.policies
        if (found := _policy_digest(entry.defences)) != entry.digest
    ]
    names = {entry.name for entry in record.policies}
    problems += [
        f"Cell {cell.id!r} is about policy {cell.policy!r}, which the record does not have."
        for cell in record.cells
        if cell.policy not in names
    ]
    ids = [cell.id for cell in record.cells]
    problems += [f"Cell {i!r} stands twice." for i in sorted({i for i in ids if ids.count(i) > 1})]
    return problems


def _policy_digest(defences: list[dict[str, Any]]) -> str:
    from reticent.core import BadPolicy
    from reticent.policy import Policy

    try:
        return Policy.from_list(defences).digest
    except BadPolicy as error:
        return f"none ({error})"


def _parse(path: Path) -> Record:
    body = _body(path)
    _demand_version(path, body)
    if body.get("kind") == "probe":
        raise BadRecord(
            f"{path} is the record of a probe; the record of an audit is needed here.",
            way_out="Name the record.json that `reticent audit` wrote.",
        )
    try:
        return Record.model_validate(body)
    except ValidationError as error:
        raise _no_record(path, error) from error


def _probe(path: Path, body: Any) -> ProbeRecord:
    _demand_version(path, body)
    try:
        return ProbeRecord.model_validate(body)
    except ValidationError as error:
        raise _no_record(path, error) from error


def _body(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise BadRecord(
            f"Cannot read {path}: {error.strerror or error}.",
            way_out="Name the record.json that an audit wrote.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadRecord(
            f"{path} is no JSON ({error}); it may be truncated.",
            way_out="Run the audit again with --resume: finished work is kept.",
        ) from error


def _demand_version(path: Path, body: Any) -> None:
    version = body.get("schema_version") if isinstance(body, dict) else None
    if version != SCHEMA_VERSION:
        raise BadRecord(
            f"{path} has schema version {version!r}; this version reads {SCHEMA_VERSION}.",
            way_out="Use the version of Reticent that wrote it.",
        )


def _no_record(path: Path, error: ValidationError) -> BadRecord:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return BadRecord(
        f"{path} is no record: {place}: {first['msg']} ({error.error_count()} problems).",
        way_out="Use the original file, or audit again.",
    )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
