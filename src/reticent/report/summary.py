"""What leaks, to whom, how sure, what to do: the first screen, worked out from the record."""

from collections.abc import Sequence
from dataclasses import dataclass

from reticent.audit.record import Cell, Record
from reticent.report import format as fmt, words
from reticent.report.ranking import (
    PolicyLine,
    clears,
    counterparts,
    is_file,
    is_finding,
    policy_line,
    severity,
    top_finding,
)


@dataclass(frozen=True, slots=True)
class Summary:
    """Answers to the reader's four questions, each a few plain sentences.

    Attributes:
        headline: the verdict in one sentence.
        leaks: what leaks.
        whom: to whom.
        sure: how sure we are.
        do: what to do.
        top: the finding that matters most; None if there is none.
        policies: one line a policy, in the record's order.
    """

    headline: str
    leaks: tuple[str, ...]
    whom: tuple[str, ...]
    sure: tuple[str, ...]
    do: tuple[str, ...]
    top: Cell | None
    policies: tuple[PolicyLine, ...]


def summarise(record: Record) -> Summary:
    """Return the first screen of a record."""
    top = top_finding(record)
    lines = tuple(policy_line(record, entry) for entry in record.policies)
    return Summary(
        headline=_headline(record),
        leaks=_leaks(record, top),
        whom=_whom(record, top),
        sure=_sure(record, top),
        do=_do(record, top, lines),
        top=top,
        policies=lines,
    )


def _name(text: str) -> str:
    return f"“{fmt.one_line(text)}”"


def _count(n: int, what: str, many: str | None = None) -> str:
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def _tally(record: Record) -> str:
    about_people = [cell for cell in record.cells if cell.family != "extraction"]
    counts = {
        verdict: sum(cell.verdict == verdict for cell in about_people)
        for verdict in ("finding", "inconclusive", "invalid", "nothing found")
    }
    parts = [
        _count(counts["finding"], "finding"),
        f"{counts['inconclusive']:,} inconclusive",
        f"{counts['nothing found']:,} with nothing found",
    ]
    if counts["invalid"]:
        parts.insert(2, f"{counts['invalid']:,} invalid")
    copies = len(record.cells) - len(about_people)
    apart = f" Kept apart: {_count(copies, 'cell')} about copying the model." if copies else ""
    return f"{_count(len(about_people), 'cell')}: {', '.join(parts)}.{apart}"


def _failed(record: Record) -> list[str]:
    return [_name(c.name) for c in record.controls if not c.passed]


def _headline(record: Record) -> str:
    if record.verdict == "invalid" or record.exit_code == 3:
        return "This audit is invalid: a control failed, so its figures prove nothing."
    if record.verdict == "finding":
        n = sum(map(is_finding, record.cells))
        return (
            f"The model leaks: {_count(n, 'finding')}, the worst at tier {record.tier} "
            f"({words.TIERS[record.tier][0]})."
        )
    if record.verdict == "inconclusive":
        return "Inconclusive: the audit could not tell, which is not the same as nothing found."
    return "Nothing was found, at the power stated below."


def _leaks(record: Record, top: Cell | None) -> tuple[str, ...]:
    if record.verdict == "invalid":
        names = ", ".join(_failed(record)) or "see the controls"
        return (f"No conclusion may be drawn. Failed: {names}.", _tally(record))
    if top is None:
        if not record.cells:
            return ("Nothing was measured.",)
        return (f"No finding among {_tally(record)}",)
    where = f" in the subgroup {_name(top.subgroup)}" if top.subgroup != "all" else ""
    first = (
        f"Under the policy {_name(top.policy)}, the attack {_name(top.attack)} "
        f"learns {words.learns(top)}{where}: {words.metric(top.primary.metric)} "
        f"{fmt.short(top.primary)}"
    )
    if top.primary.null is not None:
        first += f", where no leakage would give {fmt.number(top.primary.null)}"
    sentences = [first + "."]
    if top.training_leak is not None and top.population_inference is not None:
        sentences.append(
            f"Owed to having been in the training data: {fmt.short(top.training_leak)}; "
            f"holding for anybody alike: {fmt.short(top.population_inference)}."
        )
    sentences.append(_tally(record))
    return tuple(sentences)


def _whom(record: Record, top: Cell | None) -> tuple[str, ...]:
    if record.verdict == "invalid":
        return ("Unknown until the controls pass.",)
    if top is None:
        tried = sorted({fmt.one_line(cell.access) for cell in record.cells})
        return (f"Access tried: {', '.join(tried) or 'none'}.",)
    asked = "picture" if record.images is not None else "row"
    sentences = [
        f"To {words.access(top.access, top.seen)}, {words.seen(top.seen, top.family)}, within "
        f"{_count(top.queries, asked)} asked."
    ]
    findings = [cell for cell in record.cells if is_finding(cell)]
    least = min(findings, key=lambda cell: (severity(cell)[2], cell.queries))
    if least.access != top.access:
        sentences.append(
            f"The easiest to reach of all findings ({_name(least.attack)} under the policy "
            f"{_name(least.policy)}: {fmt.short(least.primary)}) is open to "
            f"{words.access(least.access, least.seen)}."
        )
    return tuple(sentences)


def _sure(record: Record, top: Cell | None) -> tuple[str, ...]:
    level = fmt.percent(record.confidence)
    failed = _failed(record)
    passed = len(record.controls) - len(failed)
    controls = (
        f"{passed} of {_count(len(record.controls), 'control')} passed."
        if record.controls
        else "No control ran, so nothing vouches for the audit itself."
    )
    if record.verdict == "invalid":
        return (controls, "No interval below may be relied on until every control passes.")
    if top is None:
        effects = [
            cell.minimum_detectable_effect
            for cell in record.cells
            if cell.minimum_detectable_effect is not None
        ]
        power = (
            f"Effects below {fmt.number(max(effects), 'up')} could have been missed in the weakest "
            f"cell (tolerance {fmt.number(record.tolerance)})."
            if effects
            else "The power of the audit is unknown."
        )
        return (power, controls)
    figure = top.primary
    sentence = f"Interval at {level} confidence, {fmt.size(figure)}, {fmt.one_line(figure.method)}"
    if top.p_adjusted is not None:
        family = "Holm" if top.declared else "Benjamini-Hochberg"
        sentence += f"; p {_equals(fmt.p_value(top.p_adjusted))} after {family}"
    sentences = [sentence + "."]
    if top.minimum_detectable_effect is not None:
        sentences.append(
            f"Effects below {fmt.number(top.minimum_detectable_effect, 'up')} would have been "
            "missed there."
        )
    return (*sentences, controls)


def _equals(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _do(record: Record, top: Cell | None, lines: Sequence[PolicyLine]) -> tuple[str, ...]:
    if record.verdict == "invalid":
        return ("Mend what made the control fail, then run the audit again.",)
    if not record.cells:
        return ("Choose at least one attack that the exposed channels allow.",)
    if top is None:
        if record.verdict == "inconclusive":
            more = words.subjects(record.cells[0].family)
            return (f"Give the audit more {more}, or a larger tolerance, and run it again.",)
        return ("Run the audit again when the model, the data or the policy changes.",)
    if top.access == "weights":
        return (
            "No output policy limits what the model file gives away. Keep the file where only its "
            "owner reaches it, or train a model that says less.",
        )
    file = [cell for cell in record.cells if is_file(cell)]
    after = (
        (
            f"What the model file itself gives away ({_count(len(file), 'finding')}) stays under "
            "every policy: keep the file where only its owner reaches it.",
        )
        if file
        else ()
    )
    everything = [line for line in lines if clears(record.cells, line.entry.name)]
    if everything:
        return (_advise("leaves no finding in any cell", everything), *after)
    this = [
        line
        for line in lines
        if clears(counterparts(record, top, line.entry.name), line.entry.name)
    ]
    if this:
        some = "Other findings stay under every audited policy."
        return (_advise("removes this finding", this), some, *after)
    return (
        "None of the audited policies removes this finding. Audit a stricter one, or train a "
        "model that says less.",
        *_least(record, top),
        *after,
    )


def _least(record: Record, top: Cell) -> tuple[str, ...]:
    """Say which policy leaves the least of a finding, judged by its strongest attack."""
    strongest = []
    for entry in record.policies:
        cells = [
            cell
            for cell in counterparts(record, top, entry.name)
            if cell.primary.metric == top.primary.metric and not is_file(cell)
        ]
        known = [cell for cell in cells if cell.primary.estimate is not None]
        if known and len(known) == len(cells):
            strongest.append(max(known, key=lambda cell: cell.primary.estimate or 0.0))
    if len(strongest) < 2:
        return ()
    least = min(strongest, key=lambda cell: cell.primary.estimate or 0.0)
    if least.primary.estimate == max(cell.primary.estimate or 0.0 for cell in strongest):
        return ()  # all leave the same
    return (
        f"The policy {_name(least.policy)} leaves the least of it: its strongest attack of this "
        f"kind reaches {fmt.short(least.primary)}.",
    )


def _advise(what: str, lines: Sequence[PolicyLine]) -> str:
    known = [line for line in lines if line.loss is not None]
    if not known:
        names = ", ".join(_name(line.entry.name) for line in lines)
        return f"The policy {what}: {names}. What it costs in utility was not measured."
    best = min(known, key=lambda line: (line.loss or 0.0, len(line.entry.defences)))
    measure = best.after.metric.removesuffix("_after") if best.after else "utility"
    before = fmt.short(best.before) if best.before else fmt.NO_DATA
    after = fmt.short(best.after) if best.after else fmt.NO_DATA
    return (
        f"Use the policy {_name(best.entry.name)}, the cheapest of those audited that "
        f"{what}: {words.metric(measure)} {after} with it, {before} without."
    )
