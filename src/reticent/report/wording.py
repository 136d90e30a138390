"""The words that no report may use as a verdict.

Reticent measures; what follows for people or before the law is for a person to judge. The rules
are printed in every report, so a reader can hold us to them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reticent.audit.record import Record

ALLOWED = (
    "In run R, attacks A at access X on n people: lower and upper bounds; effects below m would "
    "have been missed. Evidence for a human's assessment."
)

NEVER = (
    "anonymous",
    "compliant",
    "safe",
    "guaranteed",
    "no leak",
    "not a breach",
    "GDPR-ready",
    "passed GDPR",
)
"""Quoted in the wording rules of every report, and nowhere else."""

BEGIN, END = "Words never used as a verdict:", "(end of the wording rules)"
"""The marks between which a report may quote `NEVER`."""

_FORBIDDEN = re.compile(
    r"""\b(?:
        (?:non-?)?anonym(?:ous|ously|i[sz]ed|ity)
      | (?:non-?)?complian(?:t|tly)
      | (?:un)?safe(?:ly)?
      | guarantee(?:d|s)?
      | leak-?(?:free|proof) | no\ leaks? | (?:does|do|did|can)(?:\ not|n't|not)\ leak
      | not\ a\ (?:data\ )?breach | no\ breach
      | (?:GDPR|HIPAA)[\ -](?:ready|proof|compliant) | pass(?:es|ed)\ (?:GDPR|HIPAA)
      | fully\ (?:private|secure|protected) | 100\ ?%\ (?:private|secure) | risk-free
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Offence:
    """A forbidden word in a report.

    Attributes:
        word: as it stands there.
        where: the text around it, on one line.
    """

    word: str
    where: str


def rules() -> str:
    """Return the wording rules as one paragraph, as every report prints them."""
    return f"{BEGIN} {', '.join(NEVER)} {END}"


def offences(text: str, names: Iterable[str] = ()) -> list[Offence]:
    """Return every forbidden word outside the wording rules.

    Args:
        text: a rendered report, or a sentence meant for one.
        names: names given by the user (columns, policies, the model), which are not ours to
            word; they are passed over.

    >>> [o.word for o in offences("The model is GDPR-ready and Safe.")]
    ['GDPR-ready', 'Safe']
    >>> offences(f"Nothing found at this power. {rules()}")
    []
    >>> offences("The column safe_driver leaks.", ["safe_driver"])
    []
    """
    for begin, end in _quoted(text):
        text = text[:begin] + " " * (end - begin) + text[end:]
    for name in sorted({n for n in names if _FORBIDDEN.search(n)}, key=len, reverse=True):
        text = text.replace(name, "·")
    return [
        Offence(found[0], " ".join(text[max(0, found.start() - 40) : found.end() + 40].split()))
        for found in _FORBIDDEN.finditer(text)
    ]


def _quoted(text: str) -> Iterator[tuple[int, int]]:
    at = text.find(BEGIN)
    while at >= 0:
        end = text.find(END, at)
        if end < 0:
            return
        yield at, end
        at = text.find(BEGIN, end)


def names_of(record: Record) -> list[str]:
    """Return every name in a record that its user chose."""
    return [
        record.model.name,
        record.model.owner,
        record.config_path or "",
        *record.model.classes,
        *record.data.columns,
        *record.data.sensitive,
        *(policy.name for policy in record.policies),
        *(cell.subgroup for cell in record.cells),
        *(cell.attribute or "" for cell in record.cells),
    ]
