import json
from itertools import pairwise

from hypothesis import given, strategies as st

from reticent.textindex.arguments import MOST_BARE, Arguments

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def parts_of(pieces):
    reader = Arguments()
    return [part for piece in pieces for part in reader.feed(piece)] + reader.end()


def cut_at(text, places):
    ends = [0, *sorted(p % (len(text) + 1) for p in places), len(text)]
    return [text[a:b] for a, b in pairwise(ends)]


def strings_of(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for k, v in value.items() for s in (k, *strings_of(v))]
    return [s for v in value for s in strings_of(v)] if isinstance(value, list) else []


@given(values, st.booleans(), st.lists(st.integers(0, 10_000), max_size=8))
def test_what_is_read_is_what_the_values_say_however_it_is_cut(value, plain, places):
    text = json.dumps(value, ensure_ascii=not plain)
    parts = parts_of(cut_at(text, places))
    assert "".join(p.raw for p in parts) == text
    inside = "".join(p.said if p.kind == "inside" else "" for p in parts)
    assert inside == "".join(strings_of(value))


@given(values, st.lists(st.integers(0, 10_000), max_size=8))
def test_what_is_written_anew_is_the_same_value(value, places):
    parts = parts_of(cut_at(json.dumps(value), places))
    anew = "".join(p.raw if p.kind == "bare" else p.written(p.said) for p in parts)
    assert json.loads(anew) == value
    assert json.loads("".join(p.written(p.said) for p in parts)) is not None


@given(st.text(alphabet='ab\\u0dDcC8"{}:, \n', max_size=60), st.lists(st.integers(0, 99)))
def test_what_is_no_json_is_read_to_the_end_too(text, places):
    whole, cut = parts_of([text]), parts_of(cut_at(text, places))
    assert "".join(p.raw for p in cut) == text
    assert "".join(p.said for p in cut) == "".join(p.said for p in whole)


def test_escapes_are_the_characters_that_they_stand_for():
    parts = parts_of([r'"a\nb\u00e9\ud83d', r"\ude00\/\"\\", r'\ud800 x\uDC00"'])[1:-1]
    assert "".join(p.said for p in parts) == 'a\nbé😀/"\\\ufffd x\ufffd'
    assert {p.kind for p in parts} == {"inside"}


def test_a_number_that_was_taken_out_becomes_a_text():
    parts = parts_of(['{"n": 41', "11}"])
    number = next(p for p in parts if p.kind == "bare")
    assert (number.raw, number.written("[gone]"), number.written("")) == ("4111", '"[gone]"', "")


def test_a_value_without_quotes_is_not_waited_for_for_ever():
    reader = Arguments()
    assert [p.raw for p in reader.feed("x" * MOST_BARE)] == ["x" * MOST_BARE]
