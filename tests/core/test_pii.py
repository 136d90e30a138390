import itertools
import string

import pytest
from hypothesis import example, given, strategies as st

from reticent.core.pii import (
    ALL_KINDS,
    MAX_CHARS,
    PiiKind,
    canonical,
    find_pii,
    held_from,
    known_names,
)

NAMES = frozenset({"ann", "mary", "juan", "will"})


def found(text: str) -> list[tuple[str, str]]:
    return [(s.kind.value, text[s.start : s.end]) for s in find_pii(text, given_names=NAMES)]


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("email", "ann.lee+list@mail.example.co.uk"),
        ("email", "jürgen@müller.de"),
        ("phone", "+44 20 7946 0958"),
        ("phone", "+1 (212) 555-0123"),
        ("phone", "(212) 555-0123"),
        ("phone", "212-555-0123"),
        ("phone", "020 7946 0958"),
        ("phone", "07911123456"),
        ("phone", "030/1234567"),
        ("card", "4111111111111111"),
        ("card", "3782 822463 10005"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB82WEST12345698765432"),
        ("ssn", "078-05-1120"),
        ("nhs", "943 476 5919"),
        ("ip", "192.168.0.17"),
        ("ip", "2001:db8::8a2e:370:7334"),
        ("name", "Ann Lee"),
        ("name", "Ann B. Lee"),
        ("name", "Mary Ann O\u2019Hara-Smith"),
        ("name", "Ann Mary"),
    ],
)
@pytest.mark.parametrize("around", ["{}", "see {}.", "({})", 'x, "{}", y', "{}\n", "id 12 {} then"])
def test_found_as_written(kind: str, written: str, around: str) -> None:
    assert found(around.format(written)) == [(kind, written)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@ a@b @example.org",
        "1945-2006, 01.02.2024, 2024-01-02 03:04:05, 3.14159265358979, 1,000,000,000",
        "4111111111111112",  # the check digit is wrong
        "000-12-3456 666-12-3456 987-65-4321",
        "300.1.2.3, 1.2.3.4.5, 12:30:45",
        "Mr. President, will Ann go? Ann\u2019s Ann. Lee and Mary, lee",
        "sha 5f3759df4111111111111111",
        "https://example.org/ann",
    ],
)
def test_nothing_found(text: str) -> None:
    assert found(text) == []


def test_wrong_check_digit_is_no_account() -> None:
    written = "4111111111111112 DE88 3704 0044 0532 0130 00, 943 476 5918"
    checked = {PiiKind.CARD, PiiKind.IBAN, PiiKind.NHS}
    assert not find_pii(written, kinds=checked)


def test_title_gives_the_name_without_it() -> None:
    assert found("Dr. Obote and Mr K. Annan") == [("name", "Obote"), ("name", "K. Annan")]


def test_genitive_is_no_part_of_a_name() -> None:
    assert found("Ann Lee's and Will O'Hara\u2019s") == [
        ("name", "Ann Lee"),
        ("name", "Will O'Hara"),
    ]


def test_only_the_kinds_asked_for() -> None:
    text = "Ann Lee ann@example.org 078-05-1120"
    assert [s.kind for s in find_pii(text, kinds={PiiKind.SSN}, given_names=NAMES)] == ["ssn"]


def test_stricter_kind_wins() -> None:
    # North American in its grouping as well
    assert found("call 401 023 2137") == [("nhs", "401 023 2137")]
    assert found("call 401 223 2137") == [("phone", "401 223 2137")]


def test_equal_values_are_equal_however_written() -> None:
    for kind, ways in {
        PiiKind.PHONE: ("(212) 555-0123", "212 555 0123", "212.555.0123"),
        PiiKind.IBAN: ("GB82 WEST 1234 5698 7654 32", "GB82WEST12345698765432"),
        PiiKind.EMAIL: ("Ann@Example.org", "ann@example.org"),
        PiiKind.NAME: ("Ann O\u2019Hara", "Ann O'Hara"),
    }.items():
        values = {span.value for way in ways for span in find_pii(way, given_names=NAMES)}
        assert values == {canonical(kind, ways[0])}


def test_known_names_are_in_lower_case() -> None:
    names = known_names()
    assert {"ann", "juan", "mary"} <= names
    assert len(names) > 7000
    assert all(name == name.lower().strip() for name in names)


WRITTEN = (
    "Ann|Lee|Mary|B.|Dr.|ann@|example.org|x@y.zz|+44|020|7946|0958|212|555|-|0123|(|)| | | |.|,|\n|"
    "4111|1111|::|a|\u00e9|DE89|3704|0044|0532|0130|00|192.168|.0.17|078-05|-1120|the|'"
)
PIECES = st.sampled_from(WRITTEN.split("|"))


@given(st.lists(PIECES, max_size=14).map("".join), st.lists(PIECES, max_size=8).map("".join))
@example("::020 ", "")
@example("ab::020 ", "1")
def test_what_is_settled_stays(text: str, more: str) -> None:
    settled = held_from(text)
    now = [s for s in find_pii(text, given_names=NAMES) if s.start < settled]
    later = [s for s in find_pii(text + more, given_names=NAMES) if s.start < settled]
    assert now == later
    assert all(s.end <= settled for s in now)


@given(st.text(max_size=200) | st.lists(PIECES, max_size=20).map("".join))
def test_spans_are_in_order_apart_and_bounded(text: str) -> None:
    spans = find_pii(text, given_names=NAMES)
    assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
    for span in spans:
        assert 0 < span.end - span.start <= MAX_CHARS
        assert span.kind in ALL_KINDS
        assert 0 <= held_from(text) <= len(text)


def test_words_of_prose_are_let_go() -> None:
    text = "It was the best of times, it was the worst of times" + string.ascii_lowercase
    assert held_from(text + " ") == len(text)
