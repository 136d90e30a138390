"""The page in a real browser: quiet, offline, readable on every screen, by eye, ear and key."""

import os
import shutil
from pathlib import Path

import pytest

from report import sample
from reticent.report import format as fmt, render

pytestmark = pytest.mark.browser

CHROMIUM = os.environ.get("RETICENT_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RECORDS = {
    "build": sample.build,
    "quiet": sample.quiet,
    "invalid": sample.invalid,
    "empty": sample.empty,
    "hostile": lambda: sample.named("<script>document.title='broken'</script>" + "x" * 300),
}
SCREENS = {"wide": (1440, 900), "tablet": (820, 1100), "phone": (360, 740)}

CONTRAST = (Path(__file__).parent / "data" / "contrast.js").read_text("utf-8")

OPEN = "for (const d of [...document.querySelectorAll('details')].slice(0, %d)) d.open = true"

UNNAMED = """() => [
  ...document.querySelectorAll("a, button, summary, input, select, [tabindex='0'], svg[role=img]")
]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length))
  .map((e) => e.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (set RETICENT_CHROMIUM to its path)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        profile = tmp_path_factory.mktemp("profile")
        launched = p.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, env=os.environ | {"HOME": str(profile)}
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, make in RECORDS.items():
        (folder / f"{name}.html").write_text(render(make(), "html"), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser, folder):
    """Return a function that opens a page; whatever it complains of or asks for is kept."""
    contexts = []

    def go(name, screen="wide", scheme="light", **more):
        width, height = SCREENS[screen]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda m: page.complaints.append(m.text))
        page.on("pageerror", lambda e: page.complaints.append(str(e)))
        page.on("request", lambda r: page.asked.append(r.url))
        page.goto((Path(folder) / f"{name}.html").as_uri())
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", RECORDS)
def test_it_opens_in_silence_and_asks_for_nothing(visit, name):
    page = visit(name)
    page.wait_for_timeout(100)
    assert page.complaints == []
    assert page.asked == [page.url]
    assert page.evaluate("performance.getEntriesByType('resource').length") == 0
    assert page.title() != "broken"


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", RECORDS)
def test_the_page_itself_never_scrolls_sideways(visit, name, screen):
    page = visit(name, screen)
    page.evaluate(OPEN % 1000)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= SCREENS[screen][0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["build", "quiet", "invalid"])
def test_text_has_contrast(visit, name, scheme):
    page = visit(name, scheme=scheme)
    page.evaluate(OPEN % 12)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(20, 23, 26)") == (scheme == "dark")
    assert page.evaluate(CONTRAST) == []


def test_the_contrast_check_can_fail(visit):
    page = visit("quiet", bypass_csp=True)
    page.add_style_tag(content="p { color: #999 !important; }")
    assert page.evaluate(CONTRAST)


@pytest.mark.parametrize("name", RECORDS)
def test_everything_to_act_on_has_a_name(visit, name):
    assert visit(name).evaluate(UNNAMED) == []


def test_headings_and_landmarks_are_announced(visit):
    tree = visit("build").locator("body").aria_snapshot()
    for line in (
        '- link "Skip to the report"',
        "- banner:",
        '- navigation "Contents"',
        "- main:",
        "- contentinfo:",
        'heading "Attack, access, policy" [level=2]',
        'heading "What leaks" [level=3]',
        'table "Membership inference true-positive rate at 1 % false positives"',
        'rowheader "lira seen y"',
        'region "Not run, and why"',
    ):
        assert line in tree, line


def test_the_first_screen_holds_the_answers(visit):
    page = visit("build")
    bottom = page.locator(".answers").bounding_box()
    assert bottom["y"] + bottom["height"] <= SCREENS["wide"][1]


def until(page, true):
    """Wait for an expression; the browser's own waiting needs the eval that our policy forbids."""
    for _ in range(200):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never true: {true}")


def test_keys_reach_the_skip_link_first_and_then_a_cell_and_its_details(visit):
    page = visit("build")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["y"] >= 0, "it shows when it has the focus"
    page.keyboard.press("Enter")
    reached = False
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('cell-link')"):
            reached = True
            break
    assert reached
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    target = page.evaluate("document.activeElement.hash.slice(1)")
    page.keyboard.press("Enter")
    until(page, f"document.getElementById('{target}').open")
    until(page, f"document.activeElement.parentElement.id === '{target}'")
    assert page.locator(f"#{target} .body").is_visible()


def test_wide_tables_scroll_with_the_keys(visit):
    page = visit("build", "phone")
    region = page.locator("#matrix .scroll").first
    region.focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('#matrix .scroll').scrollLeft > 0")
    assert page.evaluate("scrollX") == 0


def test_a_link_with_a_cell_opens_it(visit):
    page = visit("build")
    cell = fmt.anchor(sample.build().cells[-2])
    page.goto(f"{page.url}#{cell}")
    assert page.locator(f"#{cell} .body").is_visible()


def test_it_works_without_script(visit):
    page = visit("build", java_script_enabled=False)
    page.locator("a.cell-link").first.click()
    target = page.url.partition("#")[2]
    assert page.locator(f"#{target} .body table").is_visible()
    assert not page.locator(".filter").is_visible()
    assert page.get_by_role("navigation").get_by_role("link").first.is_visible()


def test_cells_can_be_filtered(visit):
    page = visit("build")
    record = sample.build()
    page.get_by_label("Verdict").select_option("inconclusive")
    n = sum(c.verdict == "inconclusive" for c in record.cells)
    assert page.locator("details.cell:visible").count() == n
    assert page.get_by_text(f"{n} of {len(record.cells)} cells").is_visible()
    page.get_by_label("Find in names").fill("map religious round-2")
    shown = page.locator("details.cell:visible").count()
    assert 0 < shown < n


def test_tables_can_be_sorted(visit):
    page = visit("build")
    head = page.locator("#people th", has_text="Score")
    column = (
        "[...document.querySelectorAll('#people tbody tr')].map((r) => +r.cells[2].textContent)"
    )
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.evaluate(column)
    assert values == sorted(values)
    head.get_by_role("button").click()
    assert page.evaluate(column) == values[::-1]


def test_it_prints_with_everything_open(visit):
    page = visit("build", scheme="dark", java_script_enabled=False)
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 within its margins
    page.emulate_media(media="print", color_scheme="dark")
    for place in ("details.cell .body", "details.numbers table"):
        shown = page.locator(place)
        assert shown.first.is_visible()
        assert shown.last.is_visible()
    assert not page.locator(".contents").is_visible()
    assert page.locator(".skip").count() == 1
    assert not page.locator(".skip").is_visible()


def test_no_table_is_cut_on_paper(visit):
    page = visit("build")
    page.set_viewport_size({"width": 690, "height": 1000})
    page.emulate_media(media="print")
    right = "Math.max(...[...document.querySelectorAll('td, th')].map((e) => {"
    right += " const box = e.getBoundingClientRect(); return box.right; }))"
    assert page.evaluate(right) <= 690
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_it_prints_to_pdf(visit):
    printed = visit("build").pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    assert len(printed) > 100_000
