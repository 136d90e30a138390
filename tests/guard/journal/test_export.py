import json
import re

import pytest
from hypothesis import given, strategies as st

from reticent.guard.journal.export import Form, cef, json_line, ocsf, writer_of
from reticent.guard.types import Entry

ENTRY = Entry(
    time_s=1_700_000_000.25,
    kind="query",
    tenant="default",
    identity="68c8a79fc943bf1a",
    token="tk",
    network="n1",
    model="m",
    rows=3,
    outcome="answered",
    status=200,
    policy="d1",
    fingerprints=(b"\x01" * 16,),
    detail={"a": 1},
)
REFUSED = Entry(time_s=1.0, kind="refusal", outcome="rate", status=429)

#: OCSF 1.6.0, events/base_event.json, application/api_activity.json and the objects they name.
REQUIRED = {
    "activity_id",
    "actor",
    "api",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "src_endpoint",
    "time",
    "type_uid",
}
ACTOR = {"process", "user", "invoked_by", "session", "app_name", "app_uid"}
ENDPOINT = {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "domain"}

texts = st.text(max_size=12)
entries = st.builds(
    Entry,
    time_s=st.floats(0, 4e9),
    kind=st.sampled_from(["query", "refusal", "suspicion", "erasure", "start", "policy"]),
    tenant=texts,
    identity=texts,
    token=texts,
    network=texts,
    model=texts,
    rows=st.integers(0, 9),
    outcome=texts,
    status=st.sampled_from([0, 200, 429]),
    policy=texts,
    detail=st.dictionaries(texts, texts, max_size=2),
)


@given(entries | st.none())
def test_every_event_has_what_the_class_requires(entry: Entry | None) -> None:
    event = ocsf("guard", 7, entry, version="1.2")
    assert event.keys() >= REQUIRED
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert (event["category_uid"], event["class_uid"]) == (6, 6003)
    assert isinstance(event["time"], int)
    assert event["metadata"].keys() >= {"product", "version"}
    assert event["api"]["operation"]
    assert event["actor"].keys() & ACTOR
    assert event["src_endpoint"].keys() & ENDPOINT
    assert all(event["src_endpoint"].values())


def test_an_ocsf_event() -> None:
    event = ocsf("guard", 7, ENTRY, version="1.2")
    assert event["time"] == 1_700_000_000_250
    assert (event["activity_id"], event["severity_id"], event["status_id"]) == (2, 1, 1)
    assert event["actor"] == {
        "user": {"uid": "68c8a79fc943bf1a", "type_id": 0, "credential_uid": "tk"}
    }
    assert event["metadata"]["uid"] == "guard:7"
    assert event["metadata"]["tenant_uid"] == "default"
    assert event["unmapped"]["rows"] == 3
    refused = ocsf("guard", 8, REFUSED, version="1.2")
    assert (refused["severity_id"], refused["status_id"], refused["status_code"]) == (2, 2, "429")


def test_a_cef_line() -> None:
    assert cef("guard", 7, ENTRY, version="1.2") == (
        "CEF:0|Reticent|Guard|1.2|query|query answered|2|externalId=guard:7 rt=1700000000250 "
        "outcome=answered suid=68c8a79fc943bf1a cs1=m cs2=d1 cs3=tk cs4=default cs5=n1 cn1=3 "
        'cn2=200 msg={"a":1} cs1Label=model cs2Label=policy cs3Label=token cs4Label=tenant '
        "cs5Label=network cn1Label=rows cn2Label=httpStatus"
    )


def test_cef_escapes_as_its_standard_says() -> None:
    odd = Entry(time_s=1.0, kind="refusal", outcome="a|b\\c=d\nend", identity="x=y|z\\\r\n")
    line = cef("guard", 1, odd, version="1")
    assert r"|refusal a\|b\\c=d end|" in line
    assert r" suid=x\=y|z\\\n" in line
    assert r" outcome=a|b\\c\=d\nend " in line


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Read a line as the standard says, independently of how it is written."""
    head, at = [""], 0
    while len(head) < 8:
        if line[at] == "\\":
            at += 1
            head[-1] += line[at]
        elif line[at] == "|":
            head.append("")
        else:
            head[-1] += line[at]
        at += 1
    rest = line[at:]
    starts = [*re.finditer(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", rest)]
    ends = [*(m.start() for m in starts[1:]), len(rest)]
    back = {"\\": "\\", "=": "=", "n": "\n"}
    return head, {
        m[1]: re.sub(r"\\(.)", lambda e: back[e[1]], rest[m.end() : end])
        for m, end in zip(starts, ends, strict=True)
    }


@given(entries)
def test_a_cef_line_can_be_read_back(entry: Entry) -> None:
    line = cef("guard", 7, entry, version="1.2")
    assert len(line.splitlines()) == 1
    head, values = read_cef(line)
    assert head[:3] == ["CEF:0", "Reticent", "Guard"]
    assert head[4] == entry.kind
    if entry.outcome:
        expected = re.sub("\r\n|[\n\r\v\f\x00\x1c\x1d\x1e\x85\u2028\u2029]", "\n", entry.outcome)
        assert values["outcome"] == expected


@given(entries | st.none(), st.sampled_from(list(Form)))
def test_every_event_is_one_line(entry: Entry | None, form: Form) -> None:
    line = writer_of(form, version="1")("guard", 1, entry)
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize("entry", [ENTRY, REFUSED, None])
def test_json_lines_say_all(entry: Entry | None) -> None:
    told = json.loads(json_line("guard", 7, entry))
    assert (told["chain"], told["sequence"]) == ("guard", 7)
    if entry is None:
        assert told["erased"]
    else:
        assert told["time_s"] == entry.time_s
        assert told.get("fingerprints", []) == [p.hex() for p in entry.fingerprints]
        assert told.get("detail", {}) == entry.detail
