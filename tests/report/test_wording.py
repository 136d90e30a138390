"""No rendering, of any record, uses a forbidden word as a verdict."""

import pytest

from report import sample
from reticent.report import FORMATS, render, wording

RECORDS = {
    "build": sample.build,
    "quiet": sample.quiet,
    "inconclusive": sample.inconclusive,
    "invalid": sample.invalid,
    "empty": sample.empty,
}


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("format", FORMATS)
def test_renderings_keep_to_the_wording_rules(name, format):
    record = RECORDS[name]()
    assert wording.offences(render(record, format), wording.names_of(record)) == []


@pytest.mark.parametrize("word", wording.NEVER)
def test_every_forbidden_word_is_found(word):
    assert wording.offences(f"After this run the model is {word}, we think.")
    assert wording.offences(f"{word.upper()} it is.")


@pytest.mark.parametrize(
    "sentence",
    [
        "The data are anonymised.",
        "It is GDPR-compliant.",
        "The model does not leak.",
        "This guarantees privacy.",
        "The model passed GDPR.",
        "It is 100 % private.",
        "A leak-free model.",
        "It is fully protected.",
        "There was no breach.",
    ],
)
def test_close_relatives_are_found_too(sentence):
    assert wording.offences(sentence)


def test_a_verdict_smuggled_into_a_record_is_found():
    record = sample.quiet().model_copy(update={"statement": "The model is safe."})
    for format in FORMATS:
        found = wording.offences(render(record, format), wording.names_of(record))
        if format in {"html", "md", "json"}:
            assert [offence.word for offence in found], format


def test_only_the_rules_themselves_may_quote_the_words():
    text = render(sample.build(), "html")
    assert wording.rules() in text
    assert wording.offences(text.replace(wording.BEGIN, "Words:"))


def test_a_name_does_not_hide_our_own_words():
    assert wording.offences("The model is safe.", ["a", "e", "model"])
    assert not wording.offences("Column unsafe_turns was guessed.", ["unsafe_turns"])
