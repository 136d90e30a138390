from hypothesis import given, strategies as st

from reticent.probe.excerpts import LONGEST, masked


@given(st.binary(max_size=2000))
def test_no_digit_and_not_too_much_of_any_reply(body: bytes) -> None:
    text = masked(body)
    assert len(text) <= LONGEST
    assert not any(c in "0123456789" for c in text)


def test_long_lists_and_texts_are_cut() -> None:
    text = masked(b'{"data": [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], "note": "' + b"a" * 100 + b'"}')
    assert text == '{"data": [#.#, #.#, #.#, #.#, "and # more"], "note": "' + "a" * 32 + '..."}'
