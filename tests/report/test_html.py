"""One well-formed page, complete, with nothing from elsewhere, whatever names it holds."""

import base64
import hashlib
import itertools
import re

import pytest
from hypothesis import given, settings, strategies as st

from report import sample
from report.page import parse
from reticent.report import format as fmt, render, words
from reticent.report.html import as_figure

RECORDS = {
    "build": sample.build,
    "quiet": sample.quiet,
    "inconclusive": sample.inconclusive,
    "invalid": sample.invalid,
    "empty": sample.empty,
    "large": sample.large,
}
PAGES = {}


def page_of(name):
    if name not in PAGES:
        PAGES[name] = parse(render(RECORDS[name](), "html"))
    return PAGES[name]


@pytest.fixture(params=RECORDS)
def page(request):
    return page_of(request.param)


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = [e.attrs["id"] for e in page.walk() if "id" in e.attrs]
    assert len(set(ids)) == len(ids)
    for link in page.find("a"):
        assert link.attrs["href"].startswith("#")
        assert link.attrs["href"][1:] in ids, link.attrs["href"]
        assert link.text
    for element in page.walk():
        for name in ("aria-labelledby", "aria-describedby"):
            assert element.attrs.get(name, ids[0]) in ids


def test_nothing_is_loaded_from_anywhere(page):
    assert not [e for e in page.walk() if {"src", "srcset", "data", "style"} & e.attrs.keys()]
    assert not page.find("link")
    assert not page.find("img")
    assert not [name for e in page.walk() for name in e.attrs if name.startswith("on")]
    style = page.find("style")[0].text
    assert "url(" not in style
    assert "@import" not in style


def test_the_security_policy_admits_our_style_and_script_only(page):
    (meta,) = page.find("meta", http_equiv="Content-Security-Policy")
    policy = meta.attrs["content"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (element,) = page.find(tag)
        text = "".join(element.children)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_headings_are_in_order_and_name_their_sections(page):
    levels = [int(e.tag[1]) for e in page.walk() if re.fullmatch("h[1-6]", e.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
    for section in page.find("section"):
        heading = next(e for e in section.walk() if re.fullmatch("h[2-3]", e.tag))
        assert section.attrs["aria-labelledby"] == heading.attrs["id"]


def test_landmarks_are_there_once(page):
    for tag in ("main", "header", "footer", "nav"):
        assert len(page.find(tag)) == 1, tag
    assert page.find("html")[0].attrs["lang"] == "en"
    assert page.find("a", class_="skip")[0].attrs["href"] == "#main"


def test_tables_can_be_heard(page):
    for table in page.find("table"):
        assert table.find("caption")[0].text
        for head in table.find("th"):
            assert head.attrs.get("scope") in {"col", "row", "colgroup"}
    for scroll in page.find("div", class_="scroll"):
        assert scroll.attrs["tabindex"] == "0"
        assert scroll.attrs["aria-label"]
        assert scroll.attrs["role"] == "group"


def test_figures_can_be_heard(page):
    for drawing in page.find("svg", class_="figure"):
        assert drawing.attrs["role"] == "img"
        assert drawing.find("title")[0].text
        assert drawing.find("desc")[0].text
        panel = drawing.parent
        assert panel.tag == "figure"
        assert panel.find("table"), "the same numbers as a table"
    for drawing in page.find("svg"):
        if "figure" not in drawing.attrs["class"].split():
            assert drawing.attrs["aria-hidden"] == "true"


def test_rows_are_as_long_as_their_heads(page):
    for table in page.find("table"):
        heads = table.find("thead")[0].find("tr")[-1].find("th")
        spanned = len(heads) + ("matrix" in (table.attrs.get("class") or ""))
        for row in table.find("tbody")[0].find("tr"):
            assert len(row.find("th") + row.find("td")) == spanned


@pytest.mark.parametrize("name", ["build", "inconclusive", "large"])
def test_every_cell_is_in_the_matrix_and_explained(name):
    record, page = RECORDS[name](), page_of(name)
    linked = [a.attrs["href"][1:] for a in page.find("a", class_="cell-link")]
    assert sorted(linked) == sorted(fmt.anchor(cell) for cell in record.cells)
    for cell in record.cells:
        details = page.by_id[fmt.anchor(cell)]
        assert details.tag == "details"
        assert fmt.one_line(cell.why) in details.text
        assert fmt.full(cell.primary) in details.find("summary")[0].text


def test_no_verdict_hangs_on_colour_alone():
    record, page = RECORDS["build"](), page_of("build")
    links = {a.attrs["href"][1:]: a.text for a in page.find("a", class_="cell-link")}
    for cell in record.cells:
        text = links[fmt.anchor(cell)]
        assert text.startswith(cell.tier)
        assert text.endswith(words.VERDICTS[cell.verdict])


def test_the_first_screen_answers_the_four_questions():
    page = page_of("build")
    main = page.find("main")[0]
    first = next(e for e in main.walk() if e.tag == "section")
    assert first.attrs["id"] == "summary"
    heads = [h.text for h in first.find("h3")]
    assert heads == ["What leaks", "To whom", "How sure", "What to do"]
    assert re.search(r"\d\.\d+ \[\d\.\d+, \d\.\d+\]", first.text)


def test_everything_that_was_not_run_is_told():
    record, page = RECORDS["build"](), page_of("build")
    (section,) = page.find("section", id="not-run")
    for item in record.not_run:
        assert item.what in section.text
        assert item.why in section.text


def test_lines_differ_by_more_than_colour():
    style = page_of("build").find("style")[0].text
    dashes = re.findall(r"\.line\.s(\d) \{ stroke-dasharray: ([\d ]+); \}", style)
    assert len({dash for _, dash in dashes}) == len(dashes) == 6, "and s0 is solid"
    panel = page_of("build").find("figure", class_="panel")[0]
    marks = {m.attrs["class"] for m in panel.find("svg", class_="figure")[0].find(class_="mark")}
    assert len(marks) == len(panel.find("li"))


def test_with_many_attacks_no_panel_repeats_a_style_nor_a_caption():
    record = RECORDS["build"]()
    first = record.cells[0]
    many = [
        first.model_copy(update={"id": f"membership/{i}", "attack": f"attack-{i:02d}"})
        for i in range(17)
    ]
    page = parse(render(record.model_copy(update={"cells": many}), "html"))
    panels = page.find("section", id="roc")[0].find("figure", class_="panel")
    assert len(panels) == 3
    for panel in panels:
        lines = [e.attrs["class"] for e in panel.find("path", class_="line")]
        drawn = [style for style in lines if lines.count(style) > 2]
        assert drawn == [], "once in the figure and once in the legend"
    captions = [panel.find("figcaption")[0].text for panel in panels]
    assert len(set(captions)) == 3
    named = [li.text for panel in panels for li in panel.find("li")]
    assert sorted(named) == [cell.attack for cell in many]


def test_many_chains_fold_away():
    record = RECORDS["build"]()
    chains = [{**record.chains[0], "people": i} for i in range(30)]
    page = parse(render(record.model_copy(update={"chains": chains}), "html"))
    (section,) = page.find("section", id="chains")
    assert "22 more chains" in section.text
    assert len(section.find("tr")) == 30 + 2
    assert "0.830 [0.770, 0.896]" in section.text


def test_the_ends_of_a_record_are_there():
    record, text = RECORDS["build"](), page_of("build").find("main")[0].text
    for piece in (
        record.statement,
        record.digest,
        record.config_digest,
        record.model.digest,
        record.data.digest,
        record.data.warnings[0],
        record.people[0].pseudonym,
        record.policies[3].digest,
        "reticent verify record.json",
        "no evidence",
    ):
        assert piece in text


def test_plain_data_is_a_figure_only_if_it_is_one():
    figure = sample.figure("auc", 0.7)
    assert as_figure(figure.model_dump()) == figure
    assert as_figure({"metric": "auc"}) is None
    assert as_figure("auc") is None
    assert as_figure([1, 2]) is None


def shape(name):
    """Return the page's elements and attributes, without the text and the ids of cells."""
    page = parse(render(sample.named(name), "html"))
    return [(e.tag, sorted(e.attrs)) for e in page.walk()]


PLAIN = shape("x")


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_a_hostile_name_stays_text(name):
    assert shape(name) == PLAIN
    text = parse(render(sample.named(name), "html")).find("main")[0].text
    assert fmt.one_line(name) in text


names = st.text(min_size=1, max_size=40).filter(
    lambda s: fmt.one_line(s) and s not in {"all", "steps", "kind", "nested"}
)
markup = st.text(alphabet="<>&\"'/{}%=- scriptx!\n", min_size=1, max_size=40).filter(str.strip)


@settings(max_examples=40, deadline=None)
@given(names | markup)
def test_no_name_breaks_out_of_the_page(name):
    assert shape(name) == PLAIN
