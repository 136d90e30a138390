"""The journal for other tools: JSON lines, OCSF and CEF, one event a line.

OCSF: Open Cybersecurity Schema Framework 1.6.0, class API Activity (6003); required are actor,
api, src_endpoint and the base event's activity_id, category_uid, class_uid, metadata, severity_id,
time, type_uid. CEF: ArcSight Common Event Format 0.1 (implementation standard, version 25).
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from reticent.guard.types import Entry

OCSF_VERSION = "1.6.0"
_CATEGORY, _CLASS = 6, 6003
_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_ACTIVITIES = {"query": _READ, "refusal": _READ, "erasure": _DELETE, "policy": _UPDATE}
_NAMES = {_CREATE: "Create", _READ: "Read", _UPDATE: "Update", _DELETE: "Delete", _OTHER: "Other"}
_INFORMATIONAL, _LOW, _HIGH = 1, 2, 4
_CEF_SEVERITY = {_INFORMATIONAL: 2, _LOW: 4, _HIGH: 8}
_SIGNALS = ("refusal", "suspicion")


class Form(StrEnum):
    """What an event can be written as."""

    JSONL = "jsonl"
    OCSF = "ocsf"
    CEF = "cef"


def writer_of(form: Form, *, version: str) -> Callable[[str, int, Entry | None], str]:
    """Return what turns chain, sequence and entry into one line, without the line's end.

    An entry whose text was thrown away is None; it is still exported, so that no number is
    missing.

    Args:
        form: of the line.
        version: of this program.
    """
    if form is Form.JSONL:
        return json_line
    if form is Form.OCSF:
        return lambda chain, sequence, entry: orjson.dumps(
            ocsf(chain, sequence, entry, version=version)
        ).decode()
    return lambda chain, sequence, entry: cef(chain, sequence, entry, version=version)


def json_line(chain: str, sequence: int, entry: Entry | None) -> str:
    """Return an entry as one line of JSON."""
    body: dict[str, Any] = {"chain": chain, "sequence": sequence}
    if entry is None:
        return orjson.dumps(body | {"erased": True}).decode()
    return orjson.dumps(body | as_plain(entry)).decode()


def as_plain(entry: Entry) -> dict[str, Any]:
    """Return an entry's fields as JSON values; what is empty is left out, but never the time."""
    body = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    body["fingerprints"] = [each.hex() for each in entry.fingerprints]
    body["time"] = datetime.fromtimestamp(entry.time_s, UTC).isoformat()
    return {name: value for name, value in body.items() if value or name == "time_s"}


def ocsf(chain: str, sequence: int, entry: Entry | None, *, version: str) -> dict[str, Any]:
    """Return an entry as an OCSF event of class API Activity.

    An erased row has lost its time too: it says time 0 and severity unknown.
    """
    kind = entry.kind if entry is not None else "erased"
    activity = _ACTIVITIES.get(kind, _OTHER)
    metadata: dict[str, Any] = {
        "version": OCSF_VERSION,
        "product": {"name": "Reticent guard", "vendor_name": "Reticent", "version": version},
        "uid": f"{chain}:{sequence}",
        "sequence": sequence,
        "log_name": chain,
        "event_code": kind,
    }
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": _NAMES[activity] if activity != _OTHER else kind,
        "category_uid": _CATEGORY,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "type_uid": _CLASS * 100 + activity,
        "severity_id": _severity(entry) if entry is not None else 0,
        "time": round(entry.time_s * 1000) if entry is not None else 0,
        "metadata": metadata,
        "api": {"operation": kind, "service": {"name": "reticent-guard"}},
        "actor": {"app_name": "reticent-guard"},
        "src_endpoint": {"name": "unknown"},
    }
    if entry is None:
        return event
    if entry.tenant:
        metadata["tenant_uid"] = entry.tenant
    if entry.identity:
        user: dict[str, Any] = {"uid": entry.identity, "type_id": 0}
        if entry.token:
            user["credential_uid"] = entry.token
        event["actor"] = {"user": user}
    if entry.network:
        event["src_endpoint"] = {"uid": entry.network}
    if entry.model:
        event["resources"] = [{"name": entry.model, "type": "model"}]
    if entry.status:
        event["http_response"] = {"code": entry.status}
        event["status_code"] = str(entry.status)
    if entry.outcome:
        good = entry.outcome == "answered" or kind not in ("query", "refusal")
        event |= {"status_id": 1 if good else 2, "status": "Success" if good else "Failure"}
        event["status_detail"] = entry.outcome
    event["unmapped"] = {
        name: value
        for name, value in as_plain(entry).items()
        if name in ("rows", "policy", "fingerprints", "detail")
    }
    return event


def cef(chain: str, sequence: int, entry: Entry | None, *, version: str) -> str:
    """Return an entry as a line of CEF."""
    kind = entry.kind if entry is not None else "erased"
    severity = _CEF_SEVERITY[_severity(entry)] if entry is not None else 0
    outcome = entry.outcome if entry is not None else "erased"
    head = "|".join(
        _header(part)
        for part in ("Reticent", "Guard", version, kind, f"{kind} {outcome}".strip(), str(severity))
    )
    pairs: list[tuple[str, object]] = [("externalId", f"{chain}:{sequence}")]
    if entry is not None:
        pairs += [
            ("rt", round(entry.time_s * 1000)),
            ("outcome", entry.outcome),
            ("suid", entry.identity),
            ("cs1", entry.model),
            ("cs2", entry.policy),
            ("cs3", entry.token),
            ("cs4", entry.tenant),
            ("cs5", entry.network),
            ("cn1", entry.rows),
            ("cn2", entry.status),
            ("msg", orjson.dumps(entry.detail).decode() if entry.detail else ""),
        ]
    told = [(key, value) for key, value in pairs if value not in ("", 0)]
    labels = [(f"{key}Label", _LABELS[key]) for key, _ in told if key in _LABELS]
    return f"CEF:0|{head}|" + " ".join(f"{key}={_value(v)}" for key, v in [*told, *labels])


_LABELS = {
    "cs1": "model",
    "cs2": "policy",
    "cs3": "token",
    "cs4": "tenant",
    "cs5": "network",
    "cn1": "rows",
    "cn2": "httpStatus",
}


def _severity(entry: Entry) -> int:
    if entry.kind == "suspicion":
        return _HIGH
    return _LOW if entry.kind in _SIGNALS or entry.status >= 400 else _INFORMATIONAL


def _header(text: str) -> str:
    """Escape a header field: backslash and pipe; a line's end has no way to be written."""
    return _one_line(text, " ").replace("\\", "\\\\").replace("|", "\\|")


def _value(value: object) -> str:
    r"""Escape an extension's value: backslash, equals sign, and line ends as \n."""
    text = str(value).replace("\\", "\\\\").replace("=", "\\=")
    return _one_line(text, "\\n")


def _one_line(text: str, instead: str) -> str:
    """Replace every line end, also those that only some readers take for one."""
    return _LINE_ENDS.sub(lambda _: instead, text)


_LINE_ENDS = re.compile("\r\n|[\n\r\v\f\x00\x1c\x1d\x1e\x85\u2028\u2029]")
