"""Guess from names and counts what each column is: `reticent init` asks nothing it can infer.

Every guess is a suggestion that the written file marks as one; the owner confirms it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scalar = str | int | float | bool
Harm = Literal["low", "medium", "high", "severe"]
Shape = Literal["number", "whole", "text", "boolean", "time", "other"]

MANY_VALUES = 24  # a numeric column with more is a scale; as many as the audit puts on a grid
NEARLY_ALL = 0.95
MOST_SENSITIVE = 8
MOST_OF_A_CLASS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFacts:
    """What was counted in one column.

    Attributes:
        name: as in the data.
        shape: kind of its values.
        rows: rows counted, missing ones included.
        distinct: different values, missing not counted.
        missing: rows without a value.
        low: least number, if it has one.
        high: greatest number.
        values: the different values, if there are few; used to match classes only, never written.
    """

    name: str
    shape: Shape
    rows: int
    distinct: int
    missing: int = 0
    low: float | None = None
    high: float | None = None
    values: tuple[Scalar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the model said of itself; None or empty where it said nothing.

    Attributes:
        path: its file, relative to the configuration.
        call: or the callable, "package.module:function".
        kind: how it is reached, if the suffix does not say.
        task: what it predicts.
        classes: its class values.
        features: names of its inputs in order.
        cloneable: whether look-alikes can be trained by cloning it.
    """

    path: str | None = None
    call: str | None = None
    kind: Literal["sklearn", "onnx", "function", "replay"] | None = None
    task: Literal["classification", "regression"] | None = None
    classes: tuple[Scalar, ...] = ()
    features: tuple[str, ...] = ()
    cloneable: bool = True


@dataclass(frozen=True, slots=True)
class Suspect:
    """A column that looks sensitive.

    Attributes:
        column: its name.
        harm: how much its values may hurt.
        why: the class of data that it seems to be.
        word: the word of its name that says so.
    """

    column: str
    harm: Harm
    why: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which column is what.

    Attributes:
        target: what the model predicts.
        features: its inputs in order.
        identifier: what names the person, if a column does.
        member_column: what tells members from others, if a column does.
        sensitive: inputs to hide and guess: the worst of each class of data, `MOST_SENSITIVE` at
            most, for each is an audit of its own.
        also_sensitive: the other inputs that look sensitive.
    """

    target: str
    features: tuple[str, ...]
    identifier: str | None = None
    member_column: str | None = None
    sensitive: tuple[Suspect, ...] = ()
    also_sensitive: tuple[Suspect, ...] = ()


def _words(text: str) -> list[str]:
    return text.split()


#: Harm -> (why, words). A word ending in * is a beginning. Classes after GDPR articles 9 and 10
#: (special categories, offences); the rest after common practice. A suggestion, no legal view.
_SUSPECTS: tuple[tuple[Harm, str, str], ...] = (
    ("severe", "genetic data",
     "gene genes genotype* genom* genetic* snp* vkorc1 cyp2c9 cyp2d6 apoe brca brca1 brca2 "
     "allele* haplotype* dna"),
    ("severe", "health",
     "hiv aids cancer tumor tumour oncolog* psychiatr* mental depress* suicid* abortion* "
     "pregnan* addict* dementia disab* diagnos* disease* illness* icd icd9 icd10 "
     "comorbid* hepatit* schizo* therap*"),
    ("severe", "sex life or orientation",
     "affair* cheat* cheated orientation gay lesbian lgbt* sexuality sexual transgender"),
    ("severe", "offences", "crime* criminal* arrest* convict* conviction* felony prison jail"),
    ("high", "origin",
     "race racial ethnic* ethnicity caste tribe skin native nativity immigra* refugee "
     "citizenship nationality"),
    ("high", "religion or politics",
     "relig* faith church politic* party vote voted voter union unions"),
    ("high", "health",
     "health* medic* drug* patient* symptom* diabet* asthma* insulin glucose cholesterol bmi "
     "blood smok* alcohol drink* tobacco weight height amiodarone aspirin simvastatin"),
    ("high", "money trouble or means",
     "income salary wage wages earning* debt* default* bankrupt* arrears balance wealth "
     "bal bill pay gambl* capital loan*"),
    ("high", "biometrics", "face fingerprint iris voice biometric*"),
    ("medium", "family", "marital marriage married spouse divorc* relationship child children "
     "kids household"),
    ("medium", "sex or gender", "sex gender male female"),
    ("medium", "place", "zip zipcode postcode postal address latitude longitude lat lon location"),
    ("low", "age", "age birth birthdate birthday dob born yob"),
    ("low", "occupation or education",
     "occupation* job employ* workclass education* school degree"),
)  # fmt: skip
_TARGETS = tuple(
    _words(
        "target label outcome class y response default churn survived dose price diagnosis "
        "readmitted approved fraud"
    )
)
_IDENTIFIERS = frozenset(
    _words(
        "id uuid guid key ssn nin name surname firstname lastname fullname email mail phone mobile "
        "passport iban record mrn index rownames unnamed"
    )
)
_MEMBERS = frozenset(
    _words(
        "member members is_member ismember membership in_training in_train intrain train training "
        "is_train istrain split fold subset"
    )
)
_TRUTHS = ({"0", "1"}, {"0.0", "1.0"}, {"false", "true"}, {"no", "yes"})


def infer(model: ModelFacts, columns: Sequence[ColumnFacts]) -> Roles:
    """Return what each column seems to be.

    Args:
        model: what the model said of itself.
        columns: facts of the data's columns, in order; at least one.
    """
    inputs = set(model.features)
    free = [c for c in columns if c.name not in inputs]
    member = next((c.name for c in free if _marks_members(c)), None)
    free = [c for c in free if c.name != member]
    target = _target(model, free or list(columns))
    rest = [c for c in columns if c.name not in (member, target)]
    identifier = next((c.name for c in rest if c.name not in inputs and _names_people(c)), None)
    features = model.features or tuple(c.name for c in rest if c.name != identifier)
    facts = {c.name: c for c in columns}
    asked = [facts[name] for name in features if name in facts and name != target]
    chosen, others = _worst([(c, s) for c in asked if (s := suspicion(c)) is not None])
    return Roles(
        target=target,
        features=tuple(features),
        identifier=identifier,
        member_column=member,
        sensitive=chosen,
        also_sensitive=others,
    )


def suspicion(column: ColumnFacts) -> Suspect | None:
    """Return why a column looks sensitive, judged by the words of its name; None if it does not.

    >>> suspicion(ColumnFacts(name="maritalStatus", shape="text", rows=9, distinct=3)).harm
    'medium'
    """
    if column.distinct < 2:
        return None
    words = words_of(column.name)
    for harm, why, known in _SUSPECTS:
        for entry in known.split():
            for word in words:
                begins = entry.endswith("*") and word.startswith(entry[:-1])
                if begins or word == entry:
                    return Suspect(column.name, harm, why, word)
    return None


def words_of(name: str) -> list[str]:
    """Return the words of a column's name in lower case.

    >>> words_of("DefaultPayment.next_month2")
    ['default', 'payment', 'next', 'month2']
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", spaced.lower())


def is_scale(column: ColumnFacts) -> bool:
    """Return whether a column's values are points on a scale rather than categories."""
    return column.shape in ("number", "whole") and column.distinct > MANY_VALUES


def _worst(
    suspects: Sequence[tuple[ColumnFacts, Suspect]],
) -> tuple[tuple[Suspect, ...], tuple[Suspect, ...]]:
    """Return the suspects to audit and the others, each in the order of the columns."""
    harms = ("severe", "high", "medium", "low")
    ranked = sorted(
        suspects, key=lambda cs: (harms.index(cs[1].harm), 2 * cs[0].missing > cs[0].rows)
    )
    chosen: list[str] = []
    taken: Counter[str] = Counter()
    for column, suspect in ranked:
        if len(chosen) < MOST_SENSITIVE and taken[suspect.why] < MOST_OF_A_CLASS:
            taken[suspect.why] += 1
            chosen.append(column.name)
    return (
        tuple(s for c, s in suspects if c.name in chosen),
        tuple(s for c, s in suspects if c.name not in chosen),
    )


def _marks_members(column: ColumnFacts) -> bool:
    if column.distinct != 2 or "_".join(words_of(column.name)) not in _MEMBERS:
        return False
    return column.shape == "boolean" or {str(v).lower() for v in column.values} in _TRUTHS


def _names_people(column: ColumnFacts) -> bool:
    """Return whether nearly every row has a value of its own, and the name or type says id."""
    present = column.rows - column.missing
    if present < 2 or column.distinct < NEARLY_ALL * present or column.shape == "number":
        return False
    words = words_of(column.name)
    return column.shape == "text" or any(w in _IDENTIFIERS for w in words) or not words


def _target(model: ModelFacts, free: Sequence[ColumnFacts]) -> str:
    """Return the likeliest outcome: it holds the classes, its name says so, or it comes last."""
    classes = {str(c) for c in model.classes}
    holding = [c for c in free if classes and c.values and {str(v) for v in c.values} == classes]
    if model.task == "regression":
        fitting = [c for c in free if c.shape in ("number", "whole") and c.distinct > 2]
    else:
        fitting = [c for c in free if not is_scale(c)]
    fitting = [c for c in fitting if not _names_people(c)]
    pool = holding or fitting or list(free)
    by_name = [c for entry in _TARGETS for c in pool if entry in words_of(c.name)]
    return (by_name or [pool[-1]])[0].name
