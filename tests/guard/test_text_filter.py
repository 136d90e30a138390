from hypothesis import given, strategies as st

from reticent.core import Choice
from reticent.guard.text_filter import HeldText, PassText, Verdict, filtered


class LastTwo:
    """Holds the last two pieces back, and ends a text that says "secret"."""

    def __init__(self):
        self.held = 0

    def feed(self, piece):
        if "secret" in piece:
            return Verdict(0, stop=True)
        self.held += 1
        release = max(0, self.held - 2)
        self.held -= release
        return Verdict(release)

    def feed_all(self, pieces):
        said = [self.feed(piece) for piece in pieces]
        return Verdict(sum(v.release for v in said), stop=any(v.stop for v in said))

    def end(self):
        return Verdict(self.held)


class KeepsTail(LastTwo):
    def end(self):
        return Verdict(0)


def pieces(texts):
    last = len(texts) - 1
    return [
        Choice(index=0, text=t, finish_reason="stop" if i == last else None)
        for i, t in enumerate(texts)
    ]


words = st.lists(st.sampled_from(["a ", "b ", "secret ", "c", "\n"]), min_size=1, max_size=12)


@given(words)
def test_nothing_after_a_secret_goes_out_nor_the_two_pieces_before_it(texts):
    held = HeldText(LastTwo())
    out = [p for piece in pieces(texts) for p in held.feed(piece)]
    said = "".join(p.text for p in out)
    if "secret " in texts:
        kept = texts[: texts.index("secret ")]
        assert said == "".join(kept[: max(0, len(kept) - 2)])
        assert out[-1].finish_reason == "content_filter"
        assert held.feed(Choice(index=0, text="more")) == []
    else:
        assert said == "".join(texts)
        assert out[-1].finish_reason == "stop"


@given(words)
def test_a_text_is_held_back_while_it_may_still_turn_bad(texts):
    held = HeldText(LastTwo())
    going_on = [Choice(index=0, text=t) for t in texts]
    seen = 0
    for i, piece in enumerate(going_on):
        seen += len([p for p in held.feed(piece) if p.finish_reason is None])
        assert seen <= max(0, i + 1 - 2)


@given(words)
def test_a_tail_that_the_filter_keeps_never_goes_out(texts):
    held = HeldText(KeepsTail())
    out = [
        p
        for piece in pieces([t for t in texts if t != "secret "] or ["a "])
        for p in held.feed(piece)
    ]
    assert out[-1].finish_reason == "content_filter"
    assert out[-1].text == ""


@given(st.text(max_size=60))
def test_a_whole_text_that_passes_is_left_as_it_is(text):
    choice = Choice(index=3, text=text, finish_reason="length")
    assert filtered(choice, PassText()) is choice
    if "secret" not in text:
        assert filtered(choice, LastTwo()) is choice


def test_a_whole_text_is_cut_where_a_stream_would_be():
    choice = Choice(index=1, text="one two three secret four", finish_reason="stop")
    cut = filtered(choice, LastTwo())
    assert (cut.index, cut.text, cut.finish_reason) == (1, "one ", "content_filter")
    assert cut.token_scores is None
