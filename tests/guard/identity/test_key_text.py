import re
import secrets

import pytest
from hypothesis import given, strategies as st

from reticent.core import BadInput
from reticent.guard.identity.key_text import (
    EXAMPLE_KEY,
    LENGTH,
    PATTERN,
    id_of,
    keyed_hash,
    new_key,
    written,
)


def test_a_new_key_is_whole_and_found_by_a_scanner() -> None:
    key = new_key(secrets.token_bytes)
    assert len(key.text) == LENGTH
    assert id_of(key.text) == key.key_id
    assert re.findall(PATTERN, f'key = "{key.text}";') == [key.text]


def test_a_key_does_not_show_in_its_repr() -> None:
    key = new_key(secrets.token_bytes)
    assert key.text[16:] not in repr(key)
    assert key.key_id in repr(key)


def test_all_256_bits_are_in_the_text() -> None:
    texts = {written("aaaaaaaaaaaa", (1 << bit).to_bytes(32, "big"))[16:59] for bit in range(256)}
    assert len(texts) == 256
    assert all(len(text) == 43 for text in texts)


@given(st.integers(0, LENGTH - 1), st.characters(codec="ascii"))
def test_any_one_wrong_character_is_noticed(place: int, character: str) -> None:
    wrong = EXAMPLE_KEY[:place] + character + EXAMPLE_KEY[place + 1 :]
    assert (id_of(wrong) is None) == (wrong != EXAMPLE_KEY)


@given(st.integers(0, LENGTH - 2))
def test_two_neighbours_exchanged_are_noticed(place: int) -> None:
    k = EXAMPLE_KEY
    wrong = k[:place] + k[place + 1] + k[place] + k[place + 2 :]
    assert (id_of(wrong) is None) == (wrong != k)


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    assert id_of(text) is None


@pytest.mark.parametrize(
    "secret",
    [
        bytes(32),
        bytes(range(32)),
        bytes(range(255, 191, -2)),
        b"changeme" * 4,
        b"0123456789abcdef" * 2,
        b"a" * 31 + b"b",
        bytes(range(7, 255, 8)),  # one byte too short
    ],
)
def test_a_simple_secret_makes_no_key(secret: bytes) -> None:
    with pytest.raises(BadInput, match="can be guessed"):
        new_key(lambda n: bytes(8) if n == 8 else secret)


def test_the_hash_needs_the_pepper() -> None:
    assert keyed_hash(b"a" * 32, EXAMPLE_KEY) != keyed_hash(b"b" * 32, EXAMPLE_KEY)
    assert len(keyed_hash(b"a" * 32, EXAMPLE_KEY)) == 32
