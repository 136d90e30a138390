"""Messages that are alike but for their length, told without reading them again."""

import pytest
from hypothesis import example, given, strategies as st

from reticent.guard.alike import AlikeButLength

START, END = b"POST /100%d HTTP/1.1\r\nContent-Length: ", b"\r\nHost: a\r\n\r\n"


def message(body: bytes, *, said: bytes | None = None) -> bytes:
    return START + (b"%d" % len(body) if said is None else said) + END + body


@given(st.lists(st.integers(0, 1_200), min_size=1, max_size=8))
def test_every_body_is_found_whatever_the_lengths_before(lengths: list[int]) -> None:
    alike = AlikeButLength(START, END)
    for length in lengths:
        body = b"%0*d" % (length, 7) if length else b""
        assert alike.body_in(message(body)) == body


@given(
    before=st.integers(0, 1_200),
    body=st.binary(max_size=120),
    said=st.one_of(st.integers(-9, 200).map(lambda n: b"%d" % n), st.binary(max_size=5)),
)
@example(before=1_000, body=b"x", said=b"-1")  # as long as one of length -1 would be
@example(before=0, body=b"x", said=b"0")
def test_only_a_true_length_is_taken(before: int, body: bytes, said: bytes) -> None:
    alike = AlikeButLength(START, END)
    alike.body_in(message(b"x" * before))  # with as many digits as are expected now
    true = said.isdigit() and int(said) == len(body)
    assert alike.body_in(message(body, said=said)) == (body if true else None)


@pytest.mark.parametrize("before", [b"x", b"x" * 10, b"x" * 100])
def test_another_head_is_not_alike(before: bytes) -> None:
    alike = AlikeButLength(START, END)
    assert alike.body_in(message(before)) == before
    same = message(before)
    for at in range(len(same) - len(before)):
        other = same[:at] + bytes([same[at] ^ 1]) + same[at + 1 :]
        assert alike.body_in(other) is None
    assert alike.body_in(same + b"x") is None
    assert alike.body_in(same[:-1]) is None
