from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from reticent.core import BadInput
from reticent.training.deduplicate import exact
from reticent.training.deduplicate.exact import Spans, repeated_spans, window_hashes

LEAST = 8


def laid(documents: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    bounds = np.cumsum([0, *(len(each) for each in documents)])
    return np.frombuffer(b"".join(documents), dtype=np.uint8), bounds


def spans_of(documents: list[bytes], **settings: object) -> Spans:
    data, bounds = laid(documents)
    return repeated_spans(data, bounds, least_bytes=LEAST, **settings)  # type: ignore[arg-type]


def by_hand(documents: list[bytes]) -> list[bool]:
    """Return which bytes are part of LEAST bytes of their document that stood before."""
    first: dict[bytes, int] = {}
    taken = [False] * sum(map(len, documents))
    begin = 0
    for each in documents:
        for i in range(len(each) - LEAST + 1):
            at = first.setdefault(each[i : i + LEAST], begin + i)
            if begin + i - at >= LEAST:
                taken[begin + i : begin + i + LEAST] = [True] * LEAST
        begin += len(each)
    return taken


DOCUMENTS = st.lists(
    st.lists(
        st.sampled_from([b"abcdefgh", b"ab", b"a" * 9, b"xyzxyzxy", b"Q", b"."]), max_size=8
    ).map(b"".join),
    max_size=6,
)


@given(documents=DOCUMENTS, memory_bytes=st.sampled_from([200, 1 << 20]))
@settings(deadline=None)
def test_spans_are_those_found_by_hand(documents: list[bytes], memory_bytes: int) -> None:
    spans = spans_of(documents, memory_bytes=memory_bytes)
    taken = np.zeros(sum(map(len, documents)), dtype=bool)
    for a, b in zip(spans.starts, spans.ends, strict=True):
        taken[a:b] = True
    assert taken.tolist() == by_hand(documents)
    assert (spans.starts[1:] > spans.ends[:-1]).all()
    assert spans.size_bytes == taken.sum()


@given(st.binary(min_size=1, max_size=300), st.integers(1, 20))
def test_windows_with_equal_bytes_have_equal_hashes(data: bytes, length: int) -> None:
    found = window_hashes(np.frombuffer(data, dtype=np.uint8), length)
    windows = [data[i : i + length] for i in range(len(data) - length + 1)]
    pairs = set(zip(windows, found.tolist(), strict=True))
    assert len(pairs) == len(set(windows)) == len(set(found.tolist()))


def test_planted_repetitions_are_all_found() -> None:
    rng = np.random.default_rng(0)
    documents = [bytes(rng.integers(97, 123, size=200).astype(np.uint8)) for _ in range(300)]
    planted = [bytes(rng.integers(65, 91, size=LEAST).astype(np.uint8)) for _ in range(200)]
    copies = [documents[i % 300] + planted[i % 200] for i in range(600)]
    spans = spans_of(copies, memory_bytes=1 << 20)
    taken = np.zeros(600 * (200 + LEAST), dtype=bool)
    for a, b in zip(spans.starts, spans.ends, strict=True):
        taken[a:b] = True
    whole = taken.reshape(600, 200 + LEAST)
    # every document again, and each planted text twice more
    assert whole[300:, :200].all()
    assert whole[200:, 200:].all()
    assert whole[:200].sum() == 0


def test_other_text_with_the_same_hash_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def poor(data: np.ndarray, length: int) -> np.ndarray:
        return window_hashes(data, length) % np.uint64(3)

    monkeypatch.setattr(exact, "window_hashes", poor)
    documents = [b"abcdefghij", b"0123456789", b"..abcdefghij..", b"klmnopqrst"]
    spans = spans_of(documents)
    assert list(zip(spans.starts, spans.ends, strict=True)) == [(22, 32)]


def test_windows_across_chunks_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_CHUNK", 7)
    documents = [b"abcdefghijklmnop", b"123abcdefghijklmnop"]
    spans = spans_of(documents)
    assert list(zip(spans.starts, spans.ends, strict=True)) == [(19, 35)]


def test_characters_are_not_cut() -> None:
    word = "\u00e9\u00e8\u00ea\u00eb"
    # the windows agree from the second byte of a letter on
    documents = [f"\u00e9{word}x".encode(), f"\u0129{word}x".encode()]
    spans = spans_of(documents)
    data = b"".join(documents)
    for a, b in zip(spans.starts, spans.ends, strict=True):
        data[a:b].decode("utf-8")
    assert spans.size_bytes == len(f"{word}x".encode())


def test_a_run_of_one_letter_keeps_one_piece() -> None:
    assert spans_of([b"a" * 100]).size_bytes == 100 - LEAST


def test_finished_passes_are_not_made_again(tmp_path: Path) -> None:
    documents = [b"abcdefgh" * 3 + b"12345678", b"12345678..........."]
    done: list[int] = []
    whole = spans_of(documents, memory_bytes=500)
    spans_of(documents, memory_bytes=500, marks=tmp_path / "m", listen=lambda i, _n: done.append(i))
    assert len(done) > 2
    again: list[int] = []
    resumed = spans_of(
        documents,
        memory_bytes=500,
        marks=tmp_path / "m",
        first_pass=len(done) - 1,
        listen=lambda i, _n: again.append(i),
    )
    assert again == [len(done)]
    assert resumed.starts.tolist() == whole.starts.tolist()
    assert resumed.ends.tolist() == whole.ends.tolist()


def test_words_are_no_repetitions() -> None:
    data, bounds = laid([b"abc"])
    with pytest.raises(BadInput, match="least is 8"):
        repeated_spans(data, bounds, least_bytes=7)
