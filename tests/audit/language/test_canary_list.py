import json
import stat
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from reticent.attacks.language._canary_format import digits
from reticent.audit.language.canary_list import (
    CanaryList,
    make_canaries,
    read_canaries,
    write_canaries,
)
from reticent.audit.language.planting import plant, scatter
from reticent.core import BadInput, BadRecord

OWNERS = [f"Ann Lee{chr(97 + i)}" for i in range(20)]


def made(seed: int = 0, **settings: object) -> CanaryList:
    given: dict[str, object] = {"levels": (0, 3), "each": 4, "owners": OWNERS} | settings
    return make_canaries(digits(6), rng=np.random.default_rng(seed), **given)  # type: ignore[arg-type]


def test_as_many_as_asked_for_each_with_its_own_secret() -> None:
    found = made()
    assert Counter(found.copies) == {0: 4, 3: 4}
    assert len({c.secret for c in found.canaries}) == len({c.before for c in found.canaries}) == 8
    counts = Counter(found.planted())
    assert sorted(counts.values()) == [3] * 4
    assert found.copies != tuple(sorted(found.copies))
    assert made() == found != made(1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"levels": (1, 2)}, "need 0"),
        ({"levels": (0, 0, 2)}, "twice"),
        ({"each": 1}, "no interval"),
        ({"each": 11}, "as many owners"),
        ({"template": "The code is"}, "owner"),
        ({"template": "The code of {owner} is "}, "no space"),
    ],
)
def test_what_cannot_be_made(settings: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        made(**settings)


def test_list_comes_back_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_canaries(path, made())
    assert read_canaries(path) == made()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadInput, match="there already"):
        write_canaries(path, made(1))
    assert read_canaries(path) == made()


def test_a_changed_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    write_canaries(path, made())
    content = json.loads(path.read_text("utf-8"))
    content["canaries"][0]["copies"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(BadRecord, match="not as it was written"):
        read_canaries(path)
    path.write_text(json.dumps(content | {"version": 99}), encoding="utf-8")
    with pytest.raises(BadRecord, match="version 99"):
        read_canaries(path)
    for broken in ("", "[]", "{}", '{"digest": 1}'):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(BadRecord, match="no list"):
            read_canaries(path)


def test_planted_text_is_the_corpus_and_the_sentences(tmp_path: Path) -> None:
    corpus = tmp_path / "in"
    (corpus / "deep").mkdir(parents=True)
    (corpus / "a.txt").write_text("one\ntwo\nthree\n" * 50, encoding="utf-8")
    rows = [json.dumps({"text": f"document {i}"}) for i in range(40)]
    (corpus / "deep" / "b.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    planted = made().planted()
    files = plant([corpus], tmp_path / "out", planted, np.random.default_rng(0))
    assert files == 2
    lines = (tmp_path / "out" / "a.txt").read_text("utf-8").split("\n")
    texts = [
        json.loads(line)["text"]
        for line in (tmp_path / "out" / "deep" / "b.jsonl").read_text("utf-8").splitlines()
    ]
    found = [each for each in [*lines, *texts] if "access code" in each]
    assert Counter(found) == Counter(planted)
    assert [line for line in lines if line not in planted] == ("one\ntwo\nthree\n" * 50).split("\n")
    assert [text for text in texts if text not in planted] == [f"document {i}" for i in range(40)]
    # Not side by side, and in no order of their own.
    assert len({i for i, line in enumerate(lines) if line in planted}) > 3
    assert any(text in planted for text in texts)


def test_nothing_is_planted_in_bytes_that_are_no_text_or_over_other_files(tmp_path: Path) -> None:
    bad = tmp_path / "a.txt"
    bad.write_bytes(b"abc\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        plant([bad], tmp_path / "out", ["x"], np.random.default_rng(0))
    bad.write_bytes(b"")
    with pytest.raises(BadInput, match="empty"):
        plant([bad], tmp_path / "out", ["x"], np.random.default_rng(0))
    bad.write_bytes(b"abc")
    with pytest.raises(BadInput, match="in use"):
        plant([bad], tmp_path, ["x"], np.random.default_rng(0))
    (tmp_path / "b.txt").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="not UTF-8"):
        plant([bad, tmp_path / "b.txt"], tmp_path / "out", ["x"], np.random.default_rng(0))
    assert not (tmp_path / "out").exists()


def test_places_are_random() -> None:
    places = [
        scatter("a\nb\nc\nd", ["x"], np.random.default_rng(seed)).split("\n").index("x")
        for seed in range(100)
    ]
    assert set(places) == {1, 2, 3, 4}
