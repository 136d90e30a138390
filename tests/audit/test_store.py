"""Finished pieces are whole or not there."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from reticent.audit.store import Store, key_of
from reticent.core import BadInput

ARRAYS = {"scores": np.arange(200.0), "right": np.array([True, False]), "words": np.array(["a"])}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Refuse every write beyond `size` bytes of a file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(store: Store) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


def test_a_key_depends_on_every_part_and_on_no_order():
    assert key_of(a=1, b={"y": 2, "x": 1}) == key_of(b={"x": 1, "y": 2}, a=1)
    assert key_of(s={"b", "a"}) == key_of(s=frozenset({"a", "b"}))
    assert key_of(n=np.int64(3), x=np.float64(0.5)) == key_of(n=3, x=0.5)
    different = {key_of(a=1), key_of(a=2), key_of(b=1), key_of(a="1"), key_of(a=None), key_of()}
    assert len(different) == 6


def test_what_was_put_is_what_comes_back(tmp_path):
    store = Store(tmp_path / "deep" / "work")
    store.put_json("k", {"a": [1, 2.5, None], "ü": "ß"})
    store.put_arrays("k", ARRAYS)
    assert store.get_json("k") == {"a": [1, 2.5, None], "ü": "ß"}
    back = store.get_arrays("k")
    assert list(back) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
    assert names(store) == ["k.json", "k.npz"]  # and nothing half-written beside them


def test_a_piece_without_arrays_is_a_piece(tmp_path):
    store = Store(tmp_path)
    store.put_arrays("k", {})
    assert store.get_arrays("k") == {}


def test_what_was_never_put_is_missing(tmp_path):
    for store in (Store(tmp_path), Store(tmp_path / "nowhere"), Store()):
        assert store.get_json("k") is None
        assert store.get_arrays("k") is None
        assert store.path("k", ".skops") is None


def test_without_a_folder_nothing_is_kept_and_nothing_is_called():
    def put(path):
        raise AssertionError("nothing to write to")

    Store().write("k", ".json", put)


def test_a_writer_that_is_stopped_half_way_leaves_the_old_piece(tmp_path):
    store = Store(tmp_path)
    store.put_json("k", "old")

    def put(path):
        path.write_text('"ne')
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write("k", ".json", put)
    assert store.get_json("k") == "old"
    assert names(store) == ["k.json"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_piece_counts_as_missing(tmp_path, share):
    store = Store(tmp_path)
    store.put_json("k", list(range(100)))
    store.put_arrays("k", ARRAYS)
    for suffix in (".json", ".npz"):
        path = store.path("k", suffix)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
    assert store.get_json("k") is None
    assert store.get_arrays("k") is None


def test_no_altered_byte_in_an_array_file_is_taken_for_data(tmp_path):
    store = Store(tmp_path)
    store.put_arrays("k", {"scores": np.random.default_rng(0).random(40)})
    path = store.path("k", ".npz")
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        path.write_bytes(changed)
        back = store.get_arrays("k")  # header fields that nobody reads may change
        if back is not None and "scores" in back:
            np.testing.assert_array_equal(back["scores"], np.random.default_rng(0).random(40))


def test_arrays_that_would_run_code_are_neither_kept_nor_read(tmp_path):
    store = Store(tmp_path)
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        store.put_arrays("k", {"objects": objects})
    assert names(store) == []
    np.savez(tmp_path / "k.npz", objects=objects)
    assert store.get_arrays("k") is None


def test_bytes_that_are_no_text_count_as_missing(tmp_path):
    (tmp_path / "k.json").write_bytes(b"\xff\xfe{}")
    assert Store(tmp_path).get_json("k") is None


def test_json_has_no_word_for_what_is_not_a_number(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Store(tmp_path).put_json("k", float("nan"))
    assert Store(tmp_path).get_json("k") is None


@pytest.mark.parametrize("kind", ["json", "arrays"])
def test_a_full_disk_is_said_and_earlier_pieces_stay(tmp_path, kind):
    store = Store(tmp_path)
    store.put_json("before", "kept")
    store.put_arrays("before", ARRAYS)
    much = np.random.default_rng(0).random(20_000)
    put = {
        "json": lambda: store.put_json("after", much.tolist()),
        "arrays": lambda: store.put_arrays("after", {"much": much}),
    }[kind]
    with files_of_at_most(4096), pytest.raises(BadInput, match="File too large") as caught:
        put()
    assert "--resume" in caught.value.way_out
    assert names(store) == ["before.json", "before.npz"]
    assert store.get_json("before") == "kept"
    np.testing.assert_array_equal(store.get_arrays("before")["scores"], ARRAYS["scores"])


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="Cannot write to"):
        Store(tmp_path / "file" / "work").put_json("k", 1)
