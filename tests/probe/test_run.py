"""The proof: bare, the demonstration's server gives everything away; through the guard, nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

from reticent.audit.probe_record import ProbeRecord, digest_of_probe

from .conftest import PROGRAM, Guarded, Leaky, guard_process

MUST_BE_FOUND = {
    "no-authentication",
    "no-rate-limit",
    "full-precision-scores",
    "raw-embeddings",
    "log-probabilities",
    "metadata-route",
    "explanation-route",
    "verbose-errors",
    "answer-timing",
    "documentation-route",
    "open-cors",
    "server-headers",
}


def probed(url: str, out: Path, *more: str, key: str = "") -> tuple[ProbeRecord, int]:
    ran = subprocess.run(
        [*PROGRAM, "probe", url, "--out", str(out), "--quiet", *more],
        env=os.environ | ({"DEMO_KEY": key} if key else {}),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.stderr == ""
    record = ProbeRecord.model_validate_json((out / "record.json").read_text("utf-8"))
    for check in record.checks:
        sys.stdout.write(f"{check.outcome:12} {check.id:22} {check.requests:4} {check.why}\n")
    sys.stdout.write(f"{record.statement}\n")
    return record, ran.returncode


def outcomes(record: ProbeRecord) -> dict[str, str]:
    return {check.id: check.outcome for check in record.checks}


def test_bare_it_gives_everything_away(leaky: Leaky, tmp_path: Path) -> None:
    record, code = probed(leaky.url, tmp_path, "--sample", str(leaky.sample))
    found = {name for name, outcome in outcomes(record).items() if outcome == "found"}
    assert found == MUST_BE_FOUND
    assert (code, record.verdict) == (1, "finding")
    assert outcomes(record)["unkeyed-noise"] == "not found"
    assert record.requests <= 500
    assert record.digest == digest_of_probe(record)
    assert all(control.passed for control in record.controls)
    assert not any(c.isdigit() for k in record.checks for e in k.evidence for c in e.excerpt)
    assert {f.name for f in tmp_path.iterdir()} == {
        "record.json", "report.html", "report.md", "report.sarif", "junit.xml",
    }  # fmt: skip


def test_through_the_guard_a_stranger_gets_nothing(guarded: Guarded, tmp_path: Path) -> None:
    record, code = probed(guarded.url, tmp_path)
    assert "found" not in outcomes(record).values()
    assert "inconclusive" not in outcomes(record).values()
    assert (code, record.verdict) == (0, "nothing found")
    assert outcomes(record)["no-authentication"] == "not found"
    assert {route.status for route in record.routes} == {401}


def test_through_the_guard_a_caller_gets_what_the_policy_leaves(
    guarded: Guarded, leaky: Leaky, tmp_path: Path
) -> None:
    record, code = probed(
        guarded.url,
        tmp_path,
        *("--key-env", "DEMO_KEY"),
        *("--against", str(guarded.config)),
        *("--sample", str(leaky.sample)),
        key=guarded.demo.key,
    )
    assert "found" not in outcomes(record).values()
    assert {name for name, outcome in outcomes(record).items() if outcome == "not run"} == {
        "no-tls"
    }
    assert (code, record.verdict) == (0, "nothing found")
    assert [r.path for r in record.routes if r.status == 200] == [
        "/v2/models/tumour/infer",
        "/v1/chat/completions",
    ]
    assert guarded.demo.key not in (tmp_path / "record.json").read_text("utf-8")


def test_it_is_the_policy_that_keeps_answers_back(leaky: Leaky, tmp_path: Path) -> None:
    with guard_process(leaky, tmp_path, open_policies=True) as guard:
        more = ["--against", str(guard.config), "--sample", str(leaky.sample)]
        record, code = probed(
            guard.url, tmp_path, "--key-env", "DEMO_KEY", *more, key=guard.demo.key
        )
    found = {name for name, outcome in outcomes(record).items() if outcome == "found"}
    assert found == {"full-precision-scores", "log-probabilities", "answer-timing"}
    assert code == 1


def test_held_against_the_guard_the_bare_server_has_undeclared_routes(
    guarded: Guarded, leaky: Leaky, tmp_path: Path
) -> None:
    record, code = probed(leaky.url, tmp_path, "--against", str(guarded.config))
    (check,) = [check for check in record.checks if check.id == "undeclared-route"]
    assert (code, check.outcome) == (1, "found")
    requests = [each.request.split()[1] for each in check.evidence]
    assert "/v2" in requests
    assert "/v2/models/tumour/infer" not in requests


def test_what_was_found_before_ctrl_c_is_kept(leaky: Leaky) -> None:
    from datetime import UTC, datetime

    from reticent.core.events import Progress
    from reticent.probe import Client, Hints, allowed_place, run_probe

    def stop(step: Progress) -> None:
        if step.done == 2:
            raise KeyboardInterrupt

    client = Client(place=allowed_place(leaky.url, allowed=None), most_requests=500, most_s=60)
    record = run_probe(client, Hints(), seed=0, now=lambda: datetime.now(UTC), listen=stop)
    client.close()
    assert record.checks[0].outcome == "found"
    assert {check.outcome for check in record.checks[1:]} == {"not run"}
    assert not record.run.complete


def test_no_more_requests_than_allowed(leaky: Leaky, tmp_path: Path) -> None:
    record, code = probed(leaky.url, tmp_path, "--most-requests", "60")
    assert record.requests == 60
    assert outcomes(record)["no-authentication"] == "found"
    assert outcomes(record)["no-rate-limit"] == "inconclusive"
    assert code == 1


def test_the_record_is_json_of_one_form(leaky: Leaky, tmp_path: Path) -> None:
    probed(leaky.url, tmp_path, "--most-requests", "60")
    text = (tmp_path / "record.json").read_text("utf-8")
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=2) + "\n"
