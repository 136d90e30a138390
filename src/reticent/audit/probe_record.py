"""The record of a live probe: what an endpoint gave to whoever asked.

It stands beside the audit's record because the same reports are rendered from both; what fills it
is `reticent.probe`.
"""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from reticent.audit.record import Control, Figure, RunEntry

Outcome = Literal["found", "not found", "inconclusive", "not run"]
Severity = Literal["high", "medium", "low"]
ProbeVerdict = Literal["finding", "inconclusive", "nothing found"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ProbeEvidence(_Part):
    """One exchange behind an outcome, its values masked."""

    request: str = Field(description="Method, path and what was sent, in words.")
    keyed: bool = Field(description="Whether the key was sent along.")
    status: int
    excerpt: str = Field(description="Of the reply; digits stand as #, keys and texts are cut.")


class ProbeCheck(_Part):
    """One check: what was asked, what came, and at what effort."""

    id: str
    title: str
    sends: str = Field(description="What it sends, in one sentence.")
    outcome: Outcome
    severity: Severity = Field(description="How much it matters where it is found.")
    why: str = Field(description="One sentence: why this outcome.")
    way_out: str = Field(default="", description="What ends it; empty unless found.")
    requests: int = Field(description="Requests that it sent; 0 if it read earlier replies.")
    figures: list[Figure] = Field(default_factory=list)
    evidence: list[ProbeEvidence] = Field(default_factory=list)


class ProbeRoute(_Part):
    """A route that answered."""

    method: str
    path: str
    protocol: str = Field(description="How it was spoken to; empty for plain GETs.")
    model: str
    status: int
    keyed: bool = Field(description="Whether the key was sent along.")


class ProbeRecord(_Part):
    """Everything that one probe found."""

    kind: Literal["probe"] = "probe"
    schema_version: Literal[1] = 1
    digest: str = Field(
        default="", description="SHA-256 of this record without `run` and `digest`."
    )
    url: str = Field(description="Scheme, host and port.")
    addresses: list[str] = Field(description="What the host resolved to; all were checked.")
    permission: str = Field(description="Why it was allowed: loopback, or the host that was named.")
    caller: Literal["stranger", "key holder"]
    config_path: str | None = Field(default=None, description="The guard it was held against.")
    seed: int
    alpha: float = Field(description="Declared error of every statistical check.")
    routes: list[ProbeRoute]
    checks: list[ProbeCheck]
    controls: list[Control] = Field(default_factory=list)
    requests: int = Field(description="Requests sent in all.")
    most_requests: int
    verdict: ProbeVerdict
    exit_code: Literal[0, 1, 2]
    statement: str = Field(description="The one paragraph that may be quoted.")
    run: RunEntry


def digest_of_probe(record: ProbeRecord) -> str:
    """Return SHA-256, in hex, over the canonical JSON of the record without `run` and `digest`."""
    body = record.model_dump(mode="json", exclude={"run", "digest"})
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed_probe(record: ProbeRecord) -> ProbeRecord:
    """Return the record with its digest filled in."""
    return record.model_copy(update={"digest": digest_of_probe(record)})


def probe_to_json(record: ProbeRecord) -> str:
    """Return the record as the JSON that is kept: sorted keys, two spaces, a last newline."""
    body: dict[str, Any] = record.model_dump(mode="json")
    return json.dumps(body, sort_keys=True, indent=2, allow_nan=False) + "\n"
