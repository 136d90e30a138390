from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import example, given, strategies as st

from reticent.config.text_filter import Personal
from reticent.core.pii import ALL_KINDS, PiiKind, find_pii
from reticent.textindex.entities import LONGEST, Stretches, items, personal, tag_of


def stretches(pieces):
    reader = Stretches()
    found = [each for piece in pieces for each in reader.feed(piece)]
    return [*found, *reader.end()], reader.safe


def cuts(text, places):
    edges = sorted({0, len(text), *(p % (len(text) + 1) for p in places)})
    return [text[a:b] for a, b in pairwise(edges)]


alphabet = st.text(alphabet=" \n1239()+-.@abZ", max_size=60)


@given(alphabet, st.lists(st.integers(0, 10_000), max_size=20))
def test_stretches_do_not_depend_on_the_cut(text, places):
    assert stretches(cuts(text, places)) == stretches([text])


@example(513, [])  # a last space by itself, which holds no item
@given(st.integers(500, 1600), st.lists(st.integers(0, 10_000), max_size=10))
def test_a_stretch_without_an_end_is_cut(length, places):
    text = "12 " * (length // 3)
    found, safe = stretches(cuts(text, places))
    assert "".join(part for _, part in found).rstrip() == text.rstrip()
    assert max(len(part) for _, part in found) <= LONGEST
    assert safe == len(text)
    assert (found, safe) == stretches([text])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ann.lee+x@mail.example.org", "email"),
        ("4111 1111 1111 1111", "card"),
        ("GB29 NWBK 6016 1331 9268 19", "iban"),
        ("078-05-1120", "ssn"),
        ("+44 20 7946 0958", "phone"),
        ("(020) 7946 0958", "phone"),
        ("943 476 5919", "nhs"),
        ("10.20.30.41", "ip"),
        ("2001:db8::1", "ip"),
    ],
)
def test_personal_data_are_found_in_a_sentence(text, kind):
    (at, stretch), *_ = stretches([f"ask for {text} today"])[0]
    found = personal(stretch, {kind})
    assert [stretch[f.start : f.end] for f in found] == [text]
    assert at <= 8


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111 1111 1112", "card"),
        ("2024-01-31", "phone"),
        ("12:30:15", "phone"),
        ("GB28 NWBK 6016 1331 9268 19", "iban"),
        ("000-05-1120", "ssn"),
        ("a@b", "email"),
    ],
)
def test_what_only_looks_like_it_is_left(text, kind):
    assert personal(text, {kind}) == []


@pytest.mark.parametrize(
    "text",
    [
        "Write to ann@example.org, 4111-1111-1111-1111, from 10.0.0.7 or call +44 20 7946 0958",
        "078-05-1120 and GB29 NWBK 6016 1331 9268 19; 943 476 5919.",
    ],
)
def test_a_filter_knows_what_an_audit_knows(text):
    """One recogniser: what is counted as given away is what is taken out."""
    kinds = frozenset(get_args(Personal))
    assert kinds == {kind.value for kind in PiiKind} - {"name"}
    found = [
        (at + f.start, at + f.end, f.kind)
        for at, stretch in stretches([text])[0]
        for f in personal(stretch, kinds)
    ]
    counted = find_pii(text, kinds=ALL_KINDS - {PiiKind.NAME})
    assert found == [(span.start, span.end, span.kind.value) for span in counted]
    assert len(found) >= 3


def test_an_item_has_one_form_however_it_is_written():
    assert [f.form for f in items("0207-946 0958")] == [f.form for f in items("(0207) 946.0958")]
    assert [f.form for f in items("zx-2041-77")] == [f.form for f in items("ZX/2041/77")]


def test_a_tag_needs_the_key():
    assert tag_of("ann@example.org", b"one") != tag_of("ann@example.org", b"two")
