import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from reticent.core import BadInput
from reticent.core.events import Progress
from reticent.training.deduplicate import deduplicate

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank at noon today."


def written(folder: Path, documents: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "in.jsonl"
    rows = (json.dumps({"id": f"d{i}", "text": text}) for i, text in enumerate(documents))
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def texts(out: Path) -> list[str]:
    lines = (out / "corpus.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


PARTS = st.sampled_from(
    [
        SENTENCE,
        " Own words 1.",
        " \u00e9t\u00e9 ",
        SENTENCE[:60],
        "abc",
        "\n",
        " But then again not all is as it seems, is it?",
    ]
)


@given(
    st.lists(st.lists(PARTS, max_size=6).map("".join), min_size=1, max_size=8).filter(
        lambda documents: bool("".join(documents).strip())
    ),
    st.sampled_from([0.0, 0.8]),
)
@example([" Own words 1. été  Own words 1. été "], 0.0)
@settings(deadline=None, max_examples=40)
def test_done_twice_is_done_once(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str], threshold: float
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    first = deduplicate(
        [written(folder, documents)], folder / "a", least_bytes=20, threshold=threshold
    )
    second = (
        deduplicate(
            [folder / "a" / "corpus.jsonl"], folder / "b", least_bytes=20, threshold=threshold
        )
        if texts(folder / "a")
        else None
    )
    if second is not None:
        assert texts(folder / "b") == texts(folder / "a")
        assert (second.exact_bytes, second.near_duplicates) == (0, 0)
    assert first.documents == len(documents)
    assert first.bytes_kept <= first.bytes_read
    assert first.documents_kept == len(texts(folder / "a"))
    # Each 20 bytes that were anywhere once only are there still.
    if not threshold:
        left = "\0".join(texts(folder / "a")).encode()
        read = [text.encode() for text in documents]
        whole = b"\0".join(read)
        for text in read:
            for i in range(len(text) - 20):
                piece = text[i : i + 20]
                if whole.count(piece) == 1 and b"\0" not in piece and not _touches(text, i, read):
                    assert piece in left


def _touches(text: bytes, at: int, documents: list[bytes]) -> bool:
    """Return whether a byte of a window is in another window that stands twice."""
    return any(
        sum(other.count(text[j : j + 20]) for other in documents) > 1
        for j in range(max(0, at - 19), min(at + 20, len(text) - 19))
    )


def test_report_says_what_went(tmp_path: Path) -> None:
    own = [
        f"Document {i} says something of its own about number {i * i}{'.;!?'[i]}" for i in range(4)
    ]
    documents = [own[0] + SENTENCE, own[1] + SENTENCE, own[2], own[2], "", own[3]]
    done = deduplicate([written(tmp_path / "in", documents)], tmp_path / "out")
    assert texts(tmp_path / "out") == [own[0] + SENTENCE, own[1], own[2], "", own[3]]
    assert (done.documents, done.documents_kept, done.near_duplicates) == (6, 5, 1)
    assert (done.exact_spans, done.exact_bytes, done.rounds) == (1, len(SENTENCE), 2)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["exact_spans"] == 1
    near = json.loads((tmp_path / "out" / "near.jsonl").read_text())
    assert near == {"id": "in.jsonl:d3", "resembles": "in.jsonl:d2", "similarity": 1.0}
    assert not (tmp_path / "out" / ".work").exists()


@pytest.mark.parametrize("stopped_at", [1, 2, 4, 7])
def test_stopped_anywhere_and_resumed(tmp_path: Path, stopped_at: int) -> None:
    rng = np.random.default_rng(0)
    documents = [
        " ".join(f"w{j}" for j in rng.integers(50, size=60)) + SENTENCE * (i % 3) for i in range(30)
    ]
    path = written(tmp_path / "in", documents)
    deduplicate([path], tmp_path / "whole", memory_bytes=40_000)
    steps: list[Progress] = []

    def stop(step: Progress) -> None:
        steps.append(step)
        if len(steps) == stopped_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deduplicate([path], tmp_path / "out", memory_bytes=40_000, listen=stop)
    before = list(steps)
    deduplicate([path], tmp_path / "out", memory_bytes=40_000, resume=True, listen=steps.append)
    assert texts(tmp_path / "out") == texts(tmp_path / "whole")
    again = [s for s in steps[len(before) :] if s.stage.startswith("exact")]
    assert not {(s.stage, s.done) for s in before if s.stage.startswith("exact")} & {
        (s.stage, s.done) for s in again
    }


def test_text_files_are_documents(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text(SENTENCE, encoding="utf-8")
    (folder / "b.txt").write_bytes(b"\xff" + SENTENCE.encode() + b" More, and different.")
    done = deduplicate([folder], tmp_path / "out", threshold=0.0)
    assert texts(tmp_path / "out") == [SENTENCE, "\ufffd More, and different."]
    assert done.unreadable == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"least_bytes": 3}, "least is 8"), ({"threshold": 2.0}, r"\(0, 1\]")],
)
def test_settings_out_of_range(tmp_path: Path, settings: dict[str, float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        deduplicate([written(tmp_path / "in", ["a"])], tmp_path / "out", **settings)  # type: ignore[arg-type]


def test_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"letter\.txt"):
        deduplicate([written(tmp_path / "in", ["a"])], out)
    with pytest.raises(BadInput, match="is in the corpus"):
        deduplicate([tmp_path], out)
    assert (out / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b" \n", b"\x80\xff", b'{"body": "abc"}\n{broken'])
@pytest.mark.parametrize("name", ["in.jsonl", "in.txt"])
def test_no_text_is_an_error_and_nothing_is_written(
    tmp_path: Path, content: bytes, name: str
) -> None:
    if name == "in.txt" and content.startswith(b"{"):
        content = b"{},.-"
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match="no letter or digit"):
        deduplicate([tmp_path / name], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_with_halves_of_pairs_are_kept(tmp_path: Path) -> None:
    rows = [{"id": f"{i}\ud800\u05d0", "text": f"{SENTENCE} {SENTENCE[::-1]}"} for i in range(2)]
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = deduplicate([path], tmp_path / "out")
    assert done.near_duplicates == 1
    (kept,) = (tmp_path / "out" / "corpus.jsonl").read_text("utf-8").splitlines()
    assert json.loads(kept)["id"] == "in.jsonl:0\ud800\u05d0"
    (near,) = (tmp_path / "out" / "near.jsonl").read_text("utf-8").splitlines()
    assert json.loads(near)["id"] == "in.jsonl:1\ud800\u05d0"
