"""Records on disk: whole, named by their content, and refused if anything is off."""

import json

import pytest

from reticent.audit.save import digest_of, load, save, sealed, to_json, verify
from reticent.core import BadInput, BadRecord


@pytest.fixture
def record(small_audit):
    return small_audit[1]


@pytest.fixture
def path(record, tmp_path):
    save(record, tmp_path / "out" / "record.json")
    return tmp_path / "out" / "record.json"


def alter(path, change):
    body = json.loads(path.read_text("utf-8"))
    change(body)
    path.write_text(json.dumps(body), "utf-8")
    return path


def test_what_was_saved_is_what_is_loaded(record, path):
    assert load(path) == record
    assert verify(path) == []
    assert path.read_text("utf-8") == to_json(record)
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_the_digest_is_of_everything_but_the_run(record):
    assert record.digest == digest_of(record)
    later = record.run.model_copy(update={"started_at": "2030-01-01", "cpu_s": 1e6, "reused": 9})
    assert digest_of(record.model_copy(update={"run": later})) == record.digest
    for change in (
        {"seed": 99},
        {"statement": "All is well."},
        {"cells": record.cells[1:]},
        {"controls": record.controls[1:]},
        {"people": []},
        {"config_path": "elsewhere.toml"},
    ):
        assert digest_of(record.model_copy(update=change)) != record.digest
    assert sealed(record.model_copy(update={"digest": "forged"})) == record


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_record_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(BadRecord, match="truncated") as caught:
        load(path)
    assert "--resume" in caught.value.way_out
    assert len(verify(path)) == 1


def test_an_altered_record_is_refused(path):
    alter(path, lambda body: body["cells"][0]["primary"].update(estimate=0.5))
    with pytest.raises(BadRecord, match="altered"):
        load(path)
    (problem,) = verify(path)
    assert "its content has" in problem


def test_another_version_is_refused(path):
    for version in (2, "1", None):
        alter(path, lambda body, v=version: body.update(schema_version=v))
        with pytest.raises(BadRecord, match="schema version"):
            load(path)


@pytest.mark.parametrize("text", ["[]", "null", '"text"', "{}", "1"])
def test_json_that_is_no_record_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(BadRecord):
        load(path)
    assert len(verify(path)) == 1


def test_a_field_too_many_or_too_few_is_named(path):
    alter(path, lambda body: body.update(verdickt="fine"))
    with pytest.raises(BadRecord, match="verdickt"):
        load(path)
    alter(path, lambda body: (body.pop("verdickt"), body.pop("cells")))
    with pytest.raises(BadRecord, match="cells"):
        load(path)


def test_a_record_that_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(BadRecord, match="Cannot read"):
            load(path)
        assert len(verify(path)) == 1
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRecord):
        load(tmp_path / "bytes.json")


def test_verify_lists_every_problem(path):
    def spoil(body):
        body["policies"][1]["digest"] = "0" * 64
        body["cells"][0]["policy"] = "nowhere"
        body["cells"].append(body["cells"][1])

    problems = " ".join(verify(alter(path, spoil)))
    assert len(verify(path)) == 4
    for word in ("hard-label", "nowhere", "stands twice", "its content has"):
        assert word in problems


def test_defences_that_are_none_are_a_problem_and_no_crash(path):
    alter(path, lambda body: body["policies"][0].update(defences=[{"kind": "magic"}]))
    assert any("magic" in problem for problem in verify(path))


def test_what_cannot_be_written_is_said_and_the_old_record_stays(record, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="Cannot write"):
        save(record, tmp_path / "file" / "record.json")
    assert (tmp_path / "file").read_text() == "in the way"
