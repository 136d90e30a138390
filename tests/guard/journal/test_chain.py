import hashlib
import math
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, strategies as st

from reticent.core import BadRecord
from reticent.guard.journal.chain import (
    Ranges,
    Row,
    entry_of,
    link_of,
    payload_of,
    sealed,
    start_of,
    uncovered,
    wrong_with,
)
from reticent.guard.types import Entry

KEY = bytes(32)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    st.builds(
        Entry,
        time_s=st.floats(0, 4e9),
        kind=st.sampled_from(["query", "refusal"]),
        tenant=words,
        identity=words,
        token=words,
        network=words,
        model=words,
        rows=st.integers(0, 10**12),
        outcome=words,
        status=st.integers(0, 599),
        policy=words,
        fingerprints=st.lists(st.binary(min_size=16, max_size=16), max_size=3).map(tuple),
        detail=st.just({}),
    )
)
def test_an_entry_comes_back_from_its_payload(entry: Entry) -> None:
    payload = payload_of(entry)
    assert entry_of(payload) == entry
    assert payload == orjson.dumps(orjson.loads(payload), option=orjson.OPT_SORT_KEYS)


def test_a_payload_is_canonical() -> None:
    one = Entry(time_s=1.5, kind="query", model="m", detail={"b": 1, "a": [1, None]})
    other = Entry(time_s=1.5, kind="query", detail={"a": [1, None], "b": 1}, model="m")
    assert payload_of(one) == payload_of(other)
    assert payload_of(one) == (
        b'{"detail":{"a":[1,null],"b":1},"kind":"query","model":"m","time_s":1.5}'
    )


def test_half_a_character_in_a_name_does_not_cost_the_row() -> None:
    kept = orjson.loads(payload_of(Entry(time_s=1.0, kind="query", identity="\ud800")))
    assert kept["identity"] == "\\ud800"


@pytest.mark.parametrize("odd", ["\ud800", object(), {1: "x"}, 2**90, {"a": {"b": {3, 4}}}])
def test_an_odd_value_does_not_cost_the_row(odd: object) -> None:
    kept = orjson.loads(payload_of(Entry(time_s=1.0, kind="query", model="m", detail={"v": odd})))
    assert kept["model"] == "m"
    assert kept["detail"]["v"]


@pytest.mark.parametrize("text", [b"", b"[]", b'{"kind":"query"}', b"\xff", b"3"])
def test_what_is_no_entry_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(BadRecord):
        entry_of(text)


def test_the_links_are_what_the_documentation_says() -> None:
    salts = bytes(range(32))
    first, second = sealed(KEY, start_of(KEY, "guard"), [b"a", b"b"], salts)
    assert first.commitment == hashlib.sha256(salts[:16] + b"a").digest()
    assert second.commitment == hashlib.sha256(salts[16:] + b"b").digest()
    assert first.link == link_of(KEY, start_of(KEY, "guard").link, 1, first.commitment)
    assert second.link == link_of(KEY, first.link, 2, second.commitment)
    assert (first.sequence, second.sequence) == (1, 2)


def test_chains_of_other_names_or_keys_begin_elsewhere() -> None:
    starts = {start_of(key, name) for key in (KEY, b"k" * 32) for name in ("guard", "keeper")}
    assert len(starts) == 4


def test_an_erased_row_that_holds_text_is_wrong() -> None:
    row = sealed(KEY, start_of(KEY, "guard"), [b"text"], bytes(16))[0]
    assert not wrong_with(row)
    assert wrong_with(row._replace(payload=b"texT"))
    assert wrong_with(row._replace(salt=b"\1" * 16))
    assert wrong_with(row._replace(erased=True))
    assert not wrong_with(Row(1, b"\0\0\0\0", bytes(16), row.commitment, row.link, erased=True))


pairs = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=8)


@given(st.sets(st.integers(1, 50)), pairs)
def test_uncovered_agrees_with_sets(erased: set[int], covers: Sequence[tuple[int, int]]) -> None:
    ranges = Ranges()
    for sequence in sorted(erased):
        ranges.add(sequence)
    covered = {i for first, more in covers for i in range(first, first + more + 1)}
    left = uncovered(ranges.pairs, [(first, first + more) for first, more in covers])
    assert {i for first, last in left for i in range(first, last + 1)} == erased - covered


def test_nan_is_not_a_time() -> None:
    with pytest.raises(BadRecord):
        entry_of(payload_of(Entry(time_s=math.nan, kind="query")))
