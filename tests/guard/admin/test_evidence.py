import datetime as dt
import json

import pytest

from reticent.guard.admin.evidence import DAY_S, evidence_for, read_record

NOW_S = 1_900_000_000.0


def figure(estimate, lower, upper):
    return {"metric": "auc", "estimate": estimate, "lower": lower, "upper": upper, "null": 0.5}


def cell(attack, estimate, verdict="finding", policy="rounded"):
    return {
        "attack": attack,
        "access": "scores",
        "policy": policy,
        "attribute": None,
        "primary": figure(estimate, estimate - 0.05, estimate + 0.05),
        "gain": None,
        "verdict": verdict,
    }


def record(age_days=1.0, verdict="finding"):
    finished = dt.datetime.fromtimestamp(NOW_S - age_days * DAY_S, dt.UTC).isoformat()
    return {
        "run": {"started_at": finished, "finished_at": finished},
        "policies": [{"name": "rounded", "digest": "d1"}, {"name": "open", "digest": "d2"}],
        "cells": [
            cell("loss", 0.6),
            cell("rmia", 0.7),
            cell("gap", 0.5, verdict="not found"),
            cell("rmia", 0.9, policy="open"),
        ],
        "verdict": verdict,
    }


def told(digest="d1", found=None, expires_days=90.0):
    return evidence_for(digest, found, now_s=NOW_S, expires_days=expires_days)


def test_the_figures_are_those_of_the_policy_in_force():
    evidence = told(found=record())
    assert evidence.state == "audited"
    assert (evidence.findings, evidence.cells) == (2, 3)
    assert evidence.worst == "rmia, scores access: auc 0.700 [0.650, 0.750]"
    assert evidence.age_days == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("digest", "found", "state"),
    [
        ("d1", None, "none"),
        ("d3", record(), "other policy"),
        ("d1", record(age_days=91), "out of date"),
        ("d1", record(verdict="invalid"), "invalid"),
        ("d1", {}, "unreadable"),
        ("d1", {**record(), "cells": 3}, "unreadable"),
    ],
)
def test_what_is_no_evidence_for_this_policy_does_not_pass_for_it(digest, found, state):
    assert told(digest, found).state == state


def test_a_record_is_read_from_its_file_or_said_to_be_unreadable(tmp_path):
    path = tmp_path / "record.json"
    assert read_record(None) is None
    assert read_record(path) == {}
    path.write_text("{")
    assert read_record(path) == {}
    path.write_text(json.dumps(record()))
    assert told(found=read_record(path)).state == "audited"
