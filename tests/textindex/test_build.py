import json

import pytest
from textindex.made import SECRETS, made_corpus, made_index, prose

from reticent.core import BadInput
from reticent.textindex import build as building
from reticent.textindex.build import build, erase
from reticent.textindex.corpus import sources
from reticent.textindex.fold import Fold
from reticent.textindex.index import Reading, open_index

fold = Fold()


def finds(path, text):
    index = open_index(path)
    return bool(Reading(index, None, near=False).read(fold(text)))


def bytes_in(folder):
    return b"\n".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def test_an_index_is_its_owners_alone(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    assert path.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in path.iterdir()} == {0o600}
    assert {p.suffix for p in path.iterdir()} == {".segment", ".json", ""}


def test_a_document_that_is_erased_is_gone_to_the_byte(tmp_path):
    texts = {"secret-name.txt": SECRETS[0] + " ann.lee@example.org", "b.txt": SECRETS[1]}
    path = made_index(tmp_path, texts, with_items=True)
    index = open_index(path)
    assert index.holds_item("ann.lee@example.org")
    assert fold(SECRETS[0]) in bytes_in(path)
    assert erase(path, ["secret-name.txt", "no-such"]) == ["secret-name.txt"]
    left = bytes_in(path)
    for gone in (fold(SECRETS[0])[:16], b"secret-name", SECRETS[0].encode()[:20]):
        assert gone not in left
    assert not finds(path, SECRETS[0])
    assert finds(path, SECRETS[1])
    assert not open_index(path).holds_item("ann.lee@example.org")
    assert erase(path, ["secret-name.txt"]) == []


def test_who_has_the_index_open_loses_the_erased_text_and_keeps_the_rest(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0], "b.txt": SECRETS[1]})
    index = open_index(path)
    erase(path, ["a.txt"])
    assert fold(SECRETS[0])[:16] not in index.segments[0].data.tobytes()
    assert not Reading(index, None, near=False).read(fold(SECRETS[0]))
    assert Reading(index, None, near=False).read(fold(SECRETS[1]))


def test_what_two_documents_say_is_found_until_both_are_erased(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0], "b.txt": "And: " + SECRETS[0]})
    erase(path, ["a.txt"])
    assert finds(path, SECRETS[0])
    erase(path, ["b.txt"])
    assert not finds(path, SECRETS[0])


def test_documents_are_added_and_those_that_are_there_stay(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    more = made_corpus(tmp_path / "more", {"a.txt": "something else", "b.txt": SECRETS[1]})
    built = build(path, sources([more]), append=True)
    assert (built.documents, built.known) == (1, 1)
    assert finds(path, SECRETS[0])
    assert finds(path, SECRETS[1])
    for i in range(6):
        extra = made_corpus(tmp_path / f"m{i}", {f"m{i}.txt": prose(i, 60)})
        build(path, sources([extra]), append=True)
    index = open_index(path)
    assert len(index.segments) <= building.MOST_SEGMENTS
    assert len(index.documents()) == 8
    assert all(finds(path, text) for text in (SECRETS[0], SECRETS[1], prose(0, 60), prose(5, 60)))


class Stopped(Exception):
    pass


@pytest.mark.parametrize("after", range(1, 6))
def test_a_build_that_is_cut_off_goes_on_where_it_was(tmp_path, monkeypatch, after):
    monkeypatch.setattr(building, "KEEP_BYTES", 100)
    texts = {f"{i}.txt": prose(i, 50) for i in range(6)}
    corpus = sources([made_corpus(tmp_path / "corpus", texts)])
    path = tmp_path / "index"

    def stop(done, total, what):
        if what == f"{after - 1}.txt":
            raise Stopped

    with pytest.raises(Stopped):
        build(path, corpus, progress=stop)
    with pytest.raises(BadInput, match="no text index"):
        open_index(path)
    with (path / "draft" / "notes").open("a") as notes:
        notes.write('["half a li')  # and the machine went down
    with (path / "draft" / "text").open("ab") as text:
        text.write(b"rubbish")
    built = build(path, corpus)
    assert (built.documents, built.kept) == (6, after)
    assert all(finds(path, text) for text in texts.values())
    assert not (path / "draft").exists()
    whole = made_index(tmp_path / "again", texts)
    assert [d.chars for d in open_index(path).documents()] == [
        d.chars for d in open_index(whole).documents()
    ]


def test_a_corpus_that_has_changed_is_read_from_the_start(tmp_path):
    texts = {"a.txt": SECRETS[0], "b.txt": SECRETS[1]}
    folder = made_corpus(tmp_path / "corpus", texts)

    def stop(done, total, what):
        raise Stopped

    with pytest.raises(Stopped):
        build(tmp_path / "index", sources([folder]), progress=stop)
    (folder / "a.txt").write_text(SECRETS[2])
    assert build(tmp_path / "index", sources([folder])).kept == 0
    assert not finds(tmp_path / "index", SECRETS[0])


def test_what_a_crash_left_behind_is_swept_away(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0], "b.txt": SECRETS[1]})
    (path / "orphan.segment").write_bytes(fold(SECRETS[0]))
    (path / ".x.part").write_bytes(fold(SECRETS[0]))
    erase(path, ["a.txt"])
    assert fold(SECRETS[0]) not in bytes_in(path)


def test_bytes_that_are_no_text_are_passed_over_and_the_rest_is_kept(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "bad.txt").write_bytes(b"\xfa\xfb " + b"\x80" * 3 + SECRETS[0].encode() + b"\xc3")
    (folder / "wide.txt").write_bytes(SECRETS[1].encode("utf-16"))
    (folder / "rtl.txt").write_text("\u202e" + "\u05d0\u05d1\u05d2\u05d3\u05d4" * 30, "utf-8")
    rows = [{"id": 7, "text": SECRETS[2]}, {"text": "\ud800 half"}, {"no": 1}, {"text": 5}]
    lines = [json.dumps(row) for row in rows]
    (folder / "rows.jsonl").write_text("\n".join([*lines, "{broken", ""]))
    built = build(tmp_path / "index", sources([folder]))
    assert built.replaced >= 5
    for text in (*SECRETS, "\u05d0\u05d1\u05d2\u05d3\u05d4" * 12):
        assert finds(tmp_path / "index", text)
    names = {d.id for d in open_index(tmp_path / "index").documents()}
    assert {"rows.jsonl:7", "rows.jsonl:2", "rows.jsonl:5"} <= names


@pytest.mark.parametrize("before", [{}, {"append": True}])
@pytest.mark.parametrize(
    "content", [b"", b" \n.,-\n" * 9999, "\u200b\u0301\u202e".encode(), b"\x80\xff\xfe" * 99]
)
def test_a_corpus_without_letters_is_refused_and_changes_nothing(tmp_path, before, content):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]}) if before else tmp_path / "index"
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    folder = tmp_path / "empty"
    folder.mkdir()
    for corpus in ([], sources([folder]), sources(_files(folder, content))):
        with pytest.raises(BadInput, match="no letter or digit"):
            build(path, corpus, **before)
    assert path.exists() == bool(before)
    left = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.parent != folder}
    assert left == files


def _files(folder, content):
    (folder / "b.txt").write_bytes(content)
    (folder / "c.jsonl").write_bytes(b'{"body": "not in the field"}\n{broken\n')
    return [folder]


def test_letters_late_in_a_corpus_are_enough(tmp_path):
    folder = made_corpus(tmp_path / "corpus", {"a.txt": "", "b.txt": " " * 70_000 + SECRETS[0]})
    build(tmp_path / "index", sources([folder]))
    assert finds(tmp_path / "index", SECRETS[0])


def test_lines_of_one_name_are_all_taken_in_and_erased_together(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "KEEP_BYTES", 1)
    rows = "\n".join(json.dumps({"id": "same", "text": text}) for text in SECRETS)
    corpus = sources([made_corpus(tmp_path / "corpus", {"a.jsonl": rows, "b.txt": "x"})])
    path = tmp_path / "index"

    def stop(done, total, what):
        raise Stopped

    with pytest.raises(Stopped):  # with the three lines done
        build(path, corpus, progress=stop)
    built = build(path, corpus)
    assert (built.documents, built.kept) == (4, 3)
    assert all(finds(path, text) for text in SECRETS)
    erase(path, ["a.jsonl:same"])
    assert not any(finds(path, text) for text in SECRETS)


def test_a_byte_order_mark_costs_no_line(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    row = json.dumps({"text": SECRETS[0]}).encode()
    (folder / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + row + b"\n")
    built = build(tmp_path / "index", sources([folder]))
    assert built.replaced == 0
    assert finds(tmp_path / "index", SECRETS[0])


def test_halves_of_pairs_are_counted_and_hide_nothing(tmp_path):
    split = SECRETS[0][:20] + "\ud800" + SECRETS[0][20:] + "\udc00 \U0001f600"
    rows = json.dumps({"id": "a\ud800b", "text": split})
    built = build(
        tmp_path / "index", sources([made_corpus(tmp_path / "corpus", {"a.jsonl": rows})])
    )
    assert built.replaced == 2
    assert finds(tmp_path / "index", SECRETS[0])
    assert erase(tmp_path / "index", ["a.jsonl:a\ud800b"]) == ["a.jsonl:a\ud800b"]


def test_one_line_of_ten_megabytes_is_read_in_parts(tmp_path):
    line = "".join(chr(97 + (i * i + i // 7) % 26) for i in range(10_000))
    folder = tmp_path / "corpus"
    folder.mkdir()
    text = "".join(f"{i:07d}" + line[:993] for i in range(10_000)) + SECRETS[0]
    (folder / "long.txt").write_text(text)
    built = build(tmp_path / "index", sources([folder]))
    assert built.chars > 9_990_000
    assert finds(tmp_path / "index", SECRETS[0])
    edge = text[(1 << 23) - 30 : (1 << 23) + 30]  # where two parts meet
    assert finds(tmp_path / "index", edge)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"append": True, "least": 20}, "47 to 256"),
        ({"append": True, "least": 64}, "least = 47, not 64"),
        ({"append": True, "with_items": True}, "items = False"),
        ({}, "holds an index already"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, settings, says):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    with pytest.raises(BadInput, match=says):
        build(path, sources([tmp_path / "corpus"]), **settings)


def test_a_longer_shortest_span_holds(tmp_path):
    path = made_index(tmp_path, {"a.txt": prose(1, 200)}, least=80)
    index, text = open_index(path), fold(prose(1, 200))
    for start in range(0, 300, 11):
        for size, hit in ((80, True), (79, False)):
            said = b"\xff" + text[start : start + size] + b"\xff"
            assert bool(Reading(index, None, near=False).read(said)) == hit


def test_a_corpus_that_is_not_there_or_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        sources([tmp_path / "nowhere"])
    folder = made_corpus(tmp_path / "corpus", {"a.txt": "x"})
    (folder / "a.txt").unlink()
    found = sources([made_corpus(tmp_path / "other", {"a.txt": "x"})])
    (tmp_path / "other" / "a.txt").unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        build(tmp_path / "index", found)
