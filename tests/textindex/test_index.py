import random
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from textindex.made import SECRETS, made_index, prose

from reticent.core import BadInput
from reticent.textindex.build import erase
from reticent.textindex.fold import Fold
from reticent.textindex.index import Reading, open_index

fold = Fold()
OTHER = "zzqx" * 3


def hits(index, *pieces, near=False, allow=None):
    reading = Reading(index, allow, near=near)
    return [hit for piece in pieces for hit in reading.read(piece)]


def test_every_span_of_the_shortest_length_is_found(index, texts):
    for text in texts.values():
        folded = fold(text)
        for start in range(0, len(folded) - index.least + 1, 7):
            said = folded[start : start + index.least]
            (hit,) = hits(index, b"zq" + said + b"qz")
            assert (hit.start, hit.end) == (2, 2 + index.least)


def test_a_span_one_shorter_is_none(index, texts):
    folded = fold(texts["0.txt"])
    for start in range(0, len(folded) - index.least):
        said = folded[start : start + index.least - 1]
        assert hits(index, b"\xff" + said + b"\xff") == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 100_000), max_size=15), st.integers(0, 2), st.integers(0, 60))
def test_a_stream_is_read_the_same_however_it_is_cut(index, places, which, before):
    text = fold(prose(90, before)) + fold(SECRETS[which]) + fold(prose(91, 30))
    edges = sorted({0, len(text), *(p % len(text) for p in places)})
    pieces = [text[a:b] for a, b in pairwise(edges)]

    def covered(found):
        return {at for hit in found for at in range(hit.start, hit.end)}

    whole, cut = hits(index, text), hits(index, *pieces)
    assert covered(whole) == covered(cut) == set(range(*_place(text, which)))
    assert min(hit.known for hit in whole) == min(hit.known for hit in cut)


def _place(text, which):
    start = text.index(fold(SECRETS[which]))
    return start, start + len(fold(SECRETS[which]))


def test_nothing_is_flagged_that_the_corpus_does_not_hold(index, texts):
    rng = random.Random(3)
    corpus = [fold(text) for text in texts.values()]
    for seed in range(200):
        said = list(fold(rng.choice(list(texts.values())))[:400])
        for _ in range(rng.randrange(1, 30)):
            said[rng.randrange(len(said))] = ord("q")
        text = bytes(said)
        for hit in hits(index, text):
            for end in range(hit.known, hit.end + 1):
                assert any(text[end - index.least : end] in each for each in corpus), seed


def test_periodic_texts_are_read_in_bounded_time(tmp_path):
    periodic = {"zeros.txt": "7" * 60_000, "abc.txt": "abc" * 30_000}
    index = open_index(made_index(tmp_path, periodic))
    assert index.segments[0].entries < 200  # one block of each kind, not thousands
    assert hits(index, b"7" * 47)
    assert hits(index, b"7" * 46 + b"8") == []
    assert hits(index, (b"7" * 40 + b"x") * 500) == []


def test_a_phrase_that_many_documents_share_is_found_with_what_surrounds_it(tmp_path):
    phrase = fold(SECRETS[0])[:32].decode()  # two blocks, in a bucket with sixty like them
    texts = {f"{i}.txt": phrase + fold(prose(i, 9)).decode() for i in range(60)}
    once = open_index(made_index(tmp_path / "once", texts))
    twice = texts | {f"again-{name}": text for name, text in texts.items()}
    index = open_index(made_index(tmp_path / "twice", twice))
    assert index.segments[0].entries <= 2 * once.segments[0].entries - len(texts)
    for text in texts.values():
        for start in (0, 5, 15):
            (hit,) = hits(index, text[start : start + index.least].encode())
            assert hit.end == index.least


def test_words_replaced_are_found_as_a_near_copy(index, texts):
    rng = random.Random(8)
    found = 0
    for seed in range(40):
        words = texts[f"p{seed % 5}.txt"].split()
        start = rng.randrange(len(words) - 150)
        copy = [
            rng.choice(["other", "thing", "purple"]) if rng.random() < 0.25 else w
            for w in words[start : start + 150]
        ]
        found += any(hit.near for hit in hits(index, fold(" ".join(copy)), near=True))
    assert found >= 38
    # Texts of the same few words are alike by chance, less than one in a hundred with any key.
    alike = sum(any(hits(index, fold(prose(1000 + i, 300)), near=True)) for i in range(20))
    assert alike <= 3


def test_what_is_allowed_is_no_hit_but_what_goes_beyond_it_is(tmp_path, index, texts):
    public = SECRETS[0][:70]
    allow = open_index(made_index(tmp_path, {"public.txt": public}))
    assert hits(index, fold(public), allow=allow) == []
    more = fold(SECRETS[0])
    for step in (1, 7, 500):
        pieces = [more[i : i + step] for i in range(0, len(more), step)]
        found = hits(index, *pieces, allow=allow)
        assert min(hit.known for hit in found) == len(fold(public)) + 1


def test_a_near_copy_of_what_is_allowed_is_no_hit(tmp_path, texts):
    page = texts["p0.txt"]
    index = open_index(made_index(tmp_path / "a", {"page.txt": "private words before " + page}))
    allow = open_index(made_index(tmp_path / "b", {"page.txt": page}))
    rng = random.Random(2)
    copy = fold(" ".join(rng.choice(["xylophone", w, w, w, w]) for w in page.split()))
    assert any(hit.near for hit in hits(index, copy, near=True))
    assert not any(hit.near for hit in hits(index, copy, near=True, allow=allow))


def test_an_index_that_everything_was_erased_from_finds_nothing(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    erase(path, ["a.txt"])
    index = open_index(path)
    assert hits(index, fold(SECRETS[0]), near=True) == []


@pytest.mark.parametrize("part", [b"x", b"", b"\x00" * 5000])
def test_a_file_that_is_no_segment_is_named(tmp_path, part):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    (file,) = path.glob("*.segment")
    file.write_bytes(part)
    with pytest.raises(BadInput, match="no whole segment"):
        open_index(path)


def test_every_single_damage_is_noticed(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0] * 3})
    (file,) = path.glob("*.segment")
    good = file.read_bytes()
    for at in [*range(0, 360, 9), *range(4096, len(good), 101)]:
        file.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(BadInput):
            open_index(path)
    file.write_bytes(good[:-64])
    with pytest.raises(BadInput, match="should have"):
        open_index(path)


def test_another_version_is_named(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    manifest = path / "index.json"
    said = manifest.read_text()
    manifest.write_text(said.replace('"version": 1', '"version": 0'))
    with pytest.raises(BadInput, match="version 0"):
        open_index(path)
    manifest.write_text(said)
    (file,) = path.glob("*.segment")
    good = bytearray(file.read_bytes())
    good[16] = 0
    file.write_bytes(good)
    with pytest.raises(BadInput, match=r"version 0.*Build the index again"):
        open_index(path)


def test_another_key_is_refused_and_so_is_one_that_others_can_read(tmp_path):
    path = made_index(tmp_path, {"a.txt": SECRETS[0]})
    key = path / "key"
    good = key.read_text()
    key.chmod(0o644)
    with pytest.raises(BadInput, match="can be read by others"):
        open_index(path)
    key.chmod(0o600)
    key.write_text("ab" * 32)
    with pytest.raises(BadInput, match="another key"):
        open_index(path)
    key.write_text("nonsense")
    with pytest.raises(BadInput, match="no key of 32 bytes"):
        open_index(path)
    key.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        open_index(path)
    key.touch(0o600)
    key.write_text(good)
    assert open_index(path).least == 47


def test_without_a_manifest_there_is_no_index(tmp_path):
    with pytest.raises(BadInput, match="no text index"):
        open_index(tmp_path)
    (tmp_path / "index.json").write_text("[1")
    with pytest.raises(BadInput, match="cannot be read"):
        open_index(tmp_path)
