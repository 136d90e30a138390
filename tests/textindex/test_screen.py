from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from textindex.made import SECRETS, made_index, prose

from reticent.core import Choice
from reticent.textindex.fold import Fold
from reticent.textindex.held import HeldText, filtered, whole
from reticent.textindex.index import open_index
from reticent.textindex.screen import WAIT, ScreenMaker, ScreenRules

fold = Fold()


def run(rules, pieces):
    held = HeldText(ScreenMaker(rules, fold)())
    out = []
    for i, piece in enumerate(pieces):
        finish = "stop" if i == len(pieces) - 1 else None
        out += held.feed(Choice(index=0, text=piece, finish_reason=finish))
    return "".join(p.text for p in out), out[-1].finish_reason, held.findings


def at_once(rules, pieces):
    held = HeldText(ScreenMaker(rules, fold)())
    out = held.feed_all([Choice(index=0, text=piece) for piece in pieces[:-1]])
    out += held.feed(Choice(index=0, text=pieces[-1], finish_reason="stop"))
    return "".join(p.text for p in out), out[-1].finish_reason, held.findings


def cuts(text, places):
    edges = sorted({0, len(text), *(p % len(text) for p in places)})
    return [text[a:b] for a, b in pairwise(edges)]


def texts_with_secrets():
    part = st.one_of(
        st.integers(100, 140).map(lambda seed: prose(seed, 12)),
        st.sampled_from(SECRETS),
        st.sampled_from([SECRETS[0][:40], SECRETS[1][20:], SECRETS[2].upper()]),
        st.sampled_from(
            ["ann@example.org", "call +44 20 7946 0958 now", " \n", "é\u0301-…", "12 3"]
        ),
    )
    return st.lists(part, min_size=1, max_size=7).map(" ".join).filter(lambda t: len(t) > 1)


RULES = [
    {"stop": True},
    {"stop": False},
    {"stop": True, "personal": ("email", "phone")},
    {"stop": False, "personal": ("email", "phone"), "marker": ""},
    {"stop": False, "hold": 200},
    {"stop": True, "near": False},
]


@pytest.mark.parametrize("rules", RULES)
@settings(max_examples=40, deadline=None)
@given(texts_with_secrets(), st.lists(st.integers(0, 10_000), max_size=25))
def test_what_goes_out_does_not_depend_on_the_cut(index, rules, text, places):
    said = run(ScreenRules(index=index, **rules), [text])
    assert run(ScreenRules(index=index, **rules), cuts(text, places))[:2] == said[:2]
    assert run(ScreenRules(index=index, **rules), list(text))[:2] == said[:2]
    assert at_once(ScreenRules(index=index, **rules), cuts(text, places))[:2] == said[:2]


@settings(max_examples=60, deadline=None)
@given(texts_with_secrets(), st.lists(st.integers(0, 10_000), max_size=25))
def test_no_span_of_the_corpus_is_ever_out(index, texts, text, places):
    """Of what has gone out at any time nothing is a span; under `stop` not its beginning either."""
    corpus = [fold(each) for each in texts.values()]
    held = HeldText(ScreenMaker(ScreenRules(index=index), fold)())
    out = ""
    pieces = cuts(text, places)
    for i, piece in enumerate(pieces):
        finish = "stop" if i == len(pieces) - 1 else None
        new = held.feed(Choice(index=0, text=piece, finish_reason=finish))
        out += "".join(p.text for p in new)
        assert text.startswith(out)
        letters = fold(out)
        for end in range(index.least, len(letters) + 1):
            assert not any(letters[end - index.least : end] in each for each in corpus)
    first = _first_span(fold(text), corpus, index.least)
    if first is None:
        assert (out, held.stopped) == (text, False)
    else:
        assert held.stopped
        assert len(fold(out)) <= first


def _first_span(letters, corpus, least):
    for start in range(len(letters) - least + 1):
        if any(letters[start : start + least] in each for each in corpus):
            return start
    return None


def test_a_passage_is_taken_out_and_the_rest_stays(index):
    text = f"Well: {SECRETS[0]} And that was it."
    said, finish, (found, *_) = run(ScreenRules(index=index, stop=False), [text])
    assert said == "Well: [redacted]. And that was it."
    assert finish == "stop"
    assert (found.tier, len(found.fingerprint)) == ("exact", 16)


@pytest.mark.parametrize(
    "disguise",
    [
        str.upper,
        lambda t: t.replace(" ", ""),
        lambda t: " ".join(t),
        lambda t: t.replace("a", "а").replace("e", "е").replace("o", "ο"),
        lambda t: "\u200b".join(t),
        lambda t: t.replace(" ", "\n> "),
        lambda t: "**" + t.replace(" ", "** _") + "_",
        lambda t: t.replace("l", "I"),
    ],
)
def test_disguises_do_not_help(index, disguise):
    for secret in SECRETS:
        assert run(ScreenRules(index=index), [disguise(secret)])[1] == "content_filter"


def test_no_more_is_held_back_than_must_be(index):
    screen = ScreenMaker(ScreenRules(index=index), fold)()
    text = prose(77, 300)
    out = 0
    for i, character in enumerate(text):
        out += screen.feed(character).release
        held = len(fold(text[out : i + 1]))
        # What may begin a span, what is not yet looked at, and what was looked at with it.
        assert min(len(fold(text[: i + 1])), index.least - 1) <= held < index.least - 1 + 2 * WAIT


def test_pieces_that_came_at_once_go_out_as_they_would_one_by_one(index):
    secret = f"{prose(5, 60)} {SECRETS[0]} {prose(6, 60)}"
    words = [w + " " for w in secret.split(" ")]
    for rules in (ScreenRules(index=index), ScreenRules(index=index, stop=False)):
        for size in (1, 5, 16, 17, 400):
            held = HeldText(ScreenMaker(rules, fold)())
            released = []
            for at in range(0, len(words), size):
                pieces = [Choice(index=0, text=w) for w in words[at : at + size]]
                released += held.feed_all(pieces)
            released += held.end()
            together = "".join(piece.text for piece in released)
            assert together == run(rules, words)[0]
            kept = [piece.text for piece in released]
            assert kept[:40] == words[:40]  # those that stay are as they were, one by one


def test_more_is_held_back_for_near_copies_where_it_is_asked_for(index, texts):
    words = texts["p0.txt"].split()[:140]
    copy = " ".join("purple" if i % 4 == 3 else w for i, w in enumerate(words))
    short, long = (run(ScreenRules(index=index, hold=hold), list(copy)) for hold in (0, 400))
    assert short[1] == long[1] == "content_filter"
    assert len(fold(long[0])) < len(fold(short[0])) < len(fold(copy)) // 2


def test_personal_data_go_whoever_they_belong_to():
    rules = ScreenRules(index=None, personal=("email", "card"))
    text = "Write to bo@example.org or pay with 4111-1111-1111-1111, please."
    said, finish, found = run(rules, list(text))
    assert said == "Write to [redacted] or pay with [redacted], please."
    assert finish == "stop"
    assert [f.tier for f in found] == ["email", "card"]
    assert not any(f.fingerprint for f in found)


@pytest.mark.parametrize("stop", [True, False])
def test_items_of_the_corpus_are_known_in_any_form(tmp_path, stop):
    index = open_index(
        made_index(tmp_path, {"a.txt": "Ann, 0207 946 0958, case ZX-2041-77"}, with_items=True)
    )
    rules = ScreenRules(index=index, stop=stop)
    for text in ("It is zx/2041/77 now", "Ask 0207-946-0958 for it"):
        said, finish, found = run(rules, list(text))
        assert found[0].tier == "item"
        assert finish == ("content_filter" if stop else "stop")
        assert ("[redacted]" in said) == (not stop)
    assert run(rules, ["Ask 0207 946 0959 for it"])[1] == "stop"


@given(st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_text_that_says_nothing_of_it_is_left_as_it_is(index, text):
    choice = Choice(index=0, text=text, finish_reason="length")
    rules = ScreenRules(index=index)
    assert filtered(choice, ScreenMaker(rules, fold)(), cut=whole) is choice


def test_a_text_that_ends_without_a_word_of_why_is_not_lost(index):
    held = HeldText(ScreenMaker(ScreenRules(index=index), fold)())
    out = held.feed(Choice(index=0, text="only this"))
    assert out == []
    assert [p.text for p in held.end()] == ["only this"]
    assert held.end() == []
