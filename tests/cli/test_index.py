import json

import pytest

from reticent.cli import main

pytest.importorskip("numba")

TEXT = "The board agreed in confidence to sell the northern mill to its oldest rival."


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT)
    (folder / "b.txt").write_text("short")
    (folder / ".hidden").write_text(TEXT)
    return folder


def test_an_index_is_built_inspected_extended_and_erased_from(tmp_path, corpus, capsys):
    out = str(tmp_path / "private.index")
    assert main(["index", str(corpus), "--out", out]) == 0
    said = capsys.readouterr()
    assert "2 documents" in said.out
    assert "1 documents are too short" in said.out
    assert "Reading the corpus" in said.err
    (corpus / "c.txt").write_text(TEXT[::-1])
    assert main(["index", str(corpus), "--out", out, "--append", "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["documents"], told["already_there"]) == (1, 2)
    assert main(["index", "--out", out, "--erase", "a.txt"]) == 0
    assert "Erased a.txt" in capsys.readouterr().out
    assert main(["index", "--out", out, "--inspect", "documents", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["document"] for row in rows] == ["b.txt", "c.txt"]
    assert main(["index", "--out", out, "--inspect", "summary"]) == 0
    assert "2 documents" in capsys.readouterr().out


def test_the_key_can_lie_elsewhere(tmp_path, corpus, capsys):
    out, key = str(tmp_path / "i"), str(tmp_path / "the-key")
    assert main(["index", str(corpus), "--out", out, "--key", key]) == 0
    assert not (tmp_path / "i" / "key").exists()
    assert main(["index", "--out", out, "--inspect", "summary"]) == 4
    assert "--key" in capsys.readouterr().err
    assert main(["index", "--out", out, "--key", key, "--inspect", "summary"]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Name a corpus"),
        (["nowhere.txt"], "no such file"),
        (["--erase", "x"], "no text index"),
        (["--inspect", "summary"], "no text index"),
        (["texts", "--append"], "to add to"),
        (["texts", "--least", "3"], "47 to 256"),
        (["nothing"], "no letter or digit"),
        (["rows.jsonl", "--field", "body"], "--field names its text"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, corpus, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing" / "in").mkdir(parents=True)
    (tmp_path / "nothing" / "in" / "a.txt").touch()
    (tmp_path / "rows.jsonl").write_text(json.dumps({"text": TEXT}))
    assert main(["index", *arguments, "--out", "new.index"]) == 4
    assert not (tmp_path / "new.index").exists()
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err


def test_a_name_that_is_not_there_is_said_after_the_others_are_erased(tmp_path, corpus, capsys):
    out = str(tmp_path / "i")
    assert main(["index", str(corpus), "--out", out, "-q"]) == 0
    assert main(["index", "--out", out, "--erase", "zzz", "--erase", "a.txt"]) == 4
    said = capsys.readouterr()
    assert "Erased a.txt" in said.out
    assert "zzz" in said.err


def test_hostile_names_are_shown_on_one_line_and_erased_as_shown(tmp_path, capsys):
    name = "a\x1b[31m\n\u202e\ud800"
    rows = [{"id": name, "text": TEXT}, {"id": "b", "text": TEXT[::-1]}]
    corpus, out = tmp_path / "c.jsonl", str(tmp_path / "i")
    corpus.write_text("\n".join(map(json.dumps, rows)))
    assert main(["index", str(corpus), "--out", out, "-q"]) == 0
    capsys.readouterr()
    assert main(["index", "--out", out, "--inspect", "documents"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    shown = r"c.jsonl:a\u001b[31m\n\u202e\ud800"
    assert first.endswith(shown)
    assert second.endswith("c.jsonl:b")
    assert main(["index", "--out", out, "--erase", shown]) == 0
    assert shown in capsys.readouterr().out
    assert main(["index", "--out", out, "--inspect", "documents"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
