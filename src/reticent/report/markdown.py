"""Markdown for a model card or a pull request: the verdict, the tables, what was not run."""

import re
from collections.abc import Iterable, Sequence

from reticent.audit.record import Record
from reticent.report import evidence, format as fmt, wording, words
from reticent.report.matrix import grids
from reticent.report.summary import summarise
from reticent.report.wall import overview, walls

_SPECIAL = re.compile(r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.)")
_START = re.compile(r"^(\d*)([-+=.)#:])")


def escape(text: str) -> str:
    r"""Return foreign text on one line, with everything that Markdown could act on escaped.

    >>> print(escape("a|b <i> [x](y)"))
    a\|b &lt;i&gt; \[x\](y)
    """
    text = _START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", fmt.one_line(text)))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render(record: Record) -> str:
    """Return the record as Markdown."""
    parts = [
        *_head(record),
        *_policies(record),
        *_matrix(record),
        *_pictures(record),
        *_cells(record),
        *_people(record),
        *_controls(record),
        *_not_run(record),
        *_standards(record),
        *_end(record),
    ]
    return "\n\n".join(parts) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells must have been escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _head(record: Record) -> list[str]:
    s = summarise(record)
    answers = (
        ("What leaks", s.leaks),
        ("To whom", s.whom),
        ("How sure", s.sure),
        ("What to do", s.do),
    )
    parts = [
        f"# What {escape(record.model.name)} reveals about its training data",
        f"**{escape(s.headline)}** Tier {record.tier}, exit code {record.exit_code} "
        f"({words.EXIT_CODES[record.exit_code]}).",
        *(f"**{title}.** " + " ".join(map(_sentence, sentences)) for title, sentences in answers),
    ]
    if not record.run.complete:
        parts.append("**Incomplete.** The run was stopped before its end.")
    return parts


def _sentence(text: str) -> str:
    """Return one of our sentences: names in it are foreign, numbers in brackets are ours."""
    return re.sub(r"\\\[(-?[\d.,∞e-]+), (-?[\d.,∞e-]+)\\\]", _interval, escape(text))


def _interval(found: re.Match[str]) -> str:
    return found[0].replace("\\", "")


def _policies(record: Record) -> list[str]:
    rows = []
    for line in summarise(record).policies:
        steps = "; ".join(escape(fmt.step(step)) for step in line.entry.defences) or "none"
        kept = "; ".join(
            f"{escape(words.metric(f.metric))} {fmt.full(f)}" for f in line.entry.utility
        )
        rows.append(
            [
                escape(line.entry.name),
                steps,
                line.tier or "not measured",
                *(f"{line.verdicts[v]:,}" for v in ("finding", "inconclusive", "nothing found")),
                kept or "not measured",
            ]
        )
    heads = ["Policy", "Defences", "Worst tier", "Findings", "Inconclusive", "Nothing found"]
    return ["## Policies", table([*heads, "Utility"], rows)] if rows else []


def _matrix(record: Record) -> list[str]:
    parts = ["## Attack, access, policy"] if record.cells else []
    for grid in grids(record):
        owners = [name for name, span in grid.policies for _ in range(span)]
        heads = [
            "Attack",
            *(
                f"{escape(policy)}, {escape(access)}"
                for policy, access in zip(owners, grid.accesses, strict=True)
            ),
        ]
        rows = [
            [
                f"{escape(row.attack)}, {escape(row.detail)}",
                *(
                    "; ".join(f"{cell.tier} {fmt.short(cell.primary)}" for cell in cells)
                    or "not run"
                    for cells in row.cells
                ),
            ]
            for row in grid.rows
        ]
        parts += [f"### {escape(grid.family)} ({escape(grid.metrics)})", table(heads, rows)]
    return parts


def _cells(record: Record) -> list[str]:
    if not record.cells:
        return []
    rows = [
        [
            escape(cell.id),
            cell.tier,
            words.VERDICTS[cell.verdict],
            escape(words.metric(cell.primary.metric)),
            fmt.full(cell.primary),
            fmt.full(cell.baseline) if cell.baseline else "none",
            fmt.p_value(cell.p_adjusted).replace("<", "&lt;"),
            escape(cell.why),
        ]
        for cell in record.cells
    ]
    heads = ["Cell", "Tier", "Verdict", "Figure", "Estimate, interval, n", "Without the model"]
    return [
        "## Every cell",
        f"Intervals at {fmt.percent(record.confidence)} confidence, rounded outwards; tolerance "
        f"{fmt.number(record.tolerance)}.",
        table([*heads, "p, adjusted", "Why"], rows),
    ]


def _pictures(record: Record) -> list[str]:
    """Return line-ups and outcomes of an audit of pictures; the pictures are in the HTML."""
    if record.images is None:
        return []
    lines = [
        [
            escape(wall.cell.id),
            escape(row.who),
            fmt.full(row.first),
            fmt.full(row.five) if row.five else "none",
            fmt.full(row.shown) if row.shown else "none",
        ]
        for wall in walls(record)
        for row in wall.rows
    ]
    best = [
        [
            escape(one.cell.policy),
            one.field,
            escape(one.cell.attack),
            fmt.short(one.cell.primary) + (f" ({escape(one.doubt)})" if one.doubt else ""),
            f"{one.cell.queries:,}",
            f"{one.gradient_steps:,}",
        ]
        for one in overview(record)
    ]
    outcomes = [
        [
            escape(wall.cell.id),
            ", ".join(f"{n} {outcome}" for outcome, n in wall.counts),
            f"{wall.gradient_steps:,}",
            f"{wall.cell.queries:,}",
        ]
        for wall in walls(record)
    ]
    judges = [
        [
            escape(judge.name),
            escape(judge.how),
            "yes" if judge.decides else "no",
            fmt.full(judge.genuine),
        ]
        for judge in record.images.judges
    ]
    return [
        "## Pictures",
        f"Each judge picks one of {record.images.people:,} people and never met the model; the "
        "pictures themselves are in the HTML report.",
        table(
            ["Policy", "The adversary goes by", "Attack", "People found", "Queries", "Steps"], best
        ),
        table(["Judge", "Looks at", "Decides", "Genuine photos recognised"], judges),
        table(["Cell", "Judge", "Right person first", "First five", "Corrected"], lines),
        table(["Cell", "Outcomes", "Gradient steps", "Queries"], outcomes),
    ]


def _people(record: Record) -> list[str]:
    rows = [
        [
            escape(person.pseudonym),
            escape(person.cell),
            fmt.number(person.selected_score),
            "confirmed" if person.confirmed else "not confirmed",
            escape(person.detail),
        ]
        for person in record.people
    ]
    heads = ["Pseudonym", "Cell", "Score, first split", "Second split", "Detail"]
    return ["## People most exposed", table(heads, rows)] if rows else []


def _controls(record: Record) -> list[str]:
    rows = [
        [
            escape(control.name),
            control.kind,
            "passed" if control.passed else "**FAILED**",
            fmt.full(control.figure) if control.figure else fmt.NO_DATA,
            escape(control.why),
        ]
        for control in record.controls
    ]
    text = table(["Control", "Kind", "Result", "Figure", "Why"], rows) if rows else "None ran."
    warnings = [f"Warning: {escape(warning)}" for warning in record.data.warnings]
    return ["## Controls", text, *warnings]


def _not_run(record: Record) -> list[str]:
    rows = [[escape(n.what), words.NOT_RUN[n.kind], escape(n.why)] for n in record.not_run]
    text = table(["What", "Kind", "Why"], rows) if rows else "Everything planned was run."
    return ["## Not run, and why", text]


def _standards(record: Record) -> list[str]:
    rows = [
        [
            f"{standard.id} ({standard.edition})",
            f"{e.row.id} {e.row.title}",
            e.status,
            e.found + (f": {escape(e.cells[0].id)}" if e.cells else ""),
        ]
        for standard in evidence.standards()
        for e in evidence.evidence(record, standard)
    ]
    return ["## Standards", table(["Standard", "Entry", "Status", "Evidence"], rows)]


def _end(record: Record) -> list[str]:
    run, data = record.run, record.data
    facts = [
        ("Owner", escape(record.model.owner)),
        ("Model", f"{escape(record.model.kind)}, digest {escape(record.model.digest)}"),
        (
            "Data",
            f"{data.n_members:,} members, {data.n_non_members:,} non-members, "
            f"{data.n_auxiliary:,} auxiliary records, digest {escape(data.digest)}",
        ),
        ("Record", escape(record.digest) or "not sealed"),
        ("Configuration", escape(f"{record.config_path or 'none'}, {record.config_digest}")),
        ("Seed", str(record.seed)),
        ("Run", f"{escape(run.started_at)}, {'complete' if run.complete else 'incomplete'}"),
        ("Rows asked", f"{sum(cell.queries for cell in record.cells):,}"),
        ("Processor time", fmt.seconds(run.cpu_s)),
        ("Version", escape(f"Reticent {run.reticent_version}, Python {run.python_version}")),
    ]
    return [
        "## Statement",
        f"> {_sentence(record.statement)}",
        f"Wording rules: {wording.ALLOWED} {wording.rules()}",
        "## Provenance",
        table(["What", "Value"], facts),
    ]
