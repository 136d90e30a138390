"""llama2.c's tokeniser: the same tokens as the plain rule gives, in time that long lines allow."""

from hypothesis import given, strategies as st

from reticent.targets._llama2c import Llama2cTokens

BYTES = [bytes([i]) for i in range(256)]
PARTS = [b"a", b"b", b" ", b"aa", b"ab", b"ba", b"aab", b"abab", b" a", b"\xc3\xa9", b"\xc3\xa9a"]


def tokens(scores):
    return Llama2cTokens((b"<unk>", b"<s>", b"</s>", *BYTES, *PARTS), (0.0,) * 259 + tuple(scores))


def plainly(known, text):
    """Join the best pair, the first of equals, until none is left; as run.c does."""
    ids = {piece: i for i, piece in reversed(list(enumerate(known.pieces)))}
    found = []
    for character in " " + text if text else "":
        body = character.encode("utf-8", "replace")
        found += [ids[body]] if body in ids else [byte + 3 for byte in body]
    while True:
        best, place = float("-inf"), -1
        for i in range(len(found) - 1):
            joined = ids.get(known.pieces[found[i]] + known.pieces[found[i + 1]])
            if joined is not None and known.scores[joined] > best:
                best, place = known.scores[joined], i
        if place < 0:
            return found
        found[place : place + 2] = [
            ids[known.pieces[found[place]] + known.pieces[found[place + 1]]]
        ]


@given(
    st.text(st.sampled_from("ab é€"), max_size=40),
    st.lists(st.integers(-3, 3).map(float), min_size=len(PARTS), max_size=len(PARTS)),
)
def test_the_best_pair_is_joined_first_and_the_first_of_equals(text, scores):
    known = tokens(scores)
    assert known.encode(text) == plainly(known, text)
    assert known.decode(known.encode(text)) == text


def test_a_line_of_a_megabyte_is_tokenised():
    known = tokens(range(len(PARTS)))
    text = "ab a" * 250_000
    found = known.encode(text)
    assert known.decode(found) == text
    assert len(found) < len(text) / 1.5
