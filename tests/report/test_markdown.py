"""Markdown: the tables hold, whatever names they hold."""

import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt

from report import sample
from reticent.report import format as fmt, render
from reticent.report.markdown import escape

MARKDOWN = MarkdownIt("commonmark").enable("table")


def tokens(text):
    flat = []
    for token in MARKDOWN.parse(text):
        flat += [token, *(token.children or ())]
    return flat


def shape(name):
    """Return what a reader of Markdown sees, without the text."""
    kinds = [token.type for token in tokens(render(sample.named(name), "md"))]
    return [kind for kind in kinds if kind not in {"text", "text_special", "entity"}]


PLAIN = shape("x")


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_a_hostile_name_stays_text(name):
    assert shape(name) == PLAIN


@settings(max_examples=60, deadline=None)
@given(
    st.text(min_size=1, max_size=40).filter(fmt.one_line)
    | st.text(alphabet="|`*_[]()<>#\\!~-+=.1 \n&;:", min_size=1, max_size=30).filter(fmt.one_line)
)
def test_no_name_breaks_out_of_a_table(name):
    if name in {"all", "steps", "kind", "nested"}:
        return
    assert shape(name) == PLAIN


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_what_is_escaped_reads_as_it_was(text):
    line = fmt.one_line(text)
    (inline,) = [t for t in MARKDOWN.parse("x " + escape(text)) if t.type == "inline"]
    assert all(t.type in {"text", "text_special"} for t in inline.children)
    assert "".join(t.content for t in inline.children) == ("x " + line).rstrip()


def test_it_is_a_model_card():
    record = sample.build()
    text = render(record, "md")
    for heading in ("# What", "## Policies", "## Attack, access, policy", "## Every cell",
                    "## Controls", "## Not run, and why", "## Standards", "## Statement",
                    "## Provenance"):  # fmt: skip
        assert heading in text
    assert record.statement in text.replace("\\", "")
    for item in record.not_run:
        assert escape(item.why) in text


def test_intervals_in_sentences_are_not_escaped():
    head = render(sample.build(), "md").split("## Policies")[0]
    assert "[0." in head
    assert "\\[0." not in head
