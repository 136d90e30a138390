"""The record: what one audit measured; every report is rendered from it and from nothing else.

Plain data with a version. Its digest covers everything but `run`, so the same inputs and seed
give the same digest on another day and another machine.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1

Tier = Literal["E0", "E?", "E1", "E2", "E3"]
Verdict = Literal["nothing found", "finding", "inconclusive", "invalid"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class Figure(_Part):
    """One number with its doubt: `core.Leakage` as plain data; see there for the fields."""

    metric: str
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    method: str
    null: float | None = None
    n_members: int = 0
    n_non_members: int = 0
    counts: dict[str, float] = Field(default_factory=dict)
    formula: str = Field(
        default="", description="How estimate follows from counts, in words and symbols."
    )


class Curve(_Part):
    """A line to draw: x, y and a band around y, all of one length."""

    name: Literal["roc", "success_against_queries", "precision_recall"]
    x: list[float]
    y: list[float]
    lower: list[float] = Field(default_factory=list)
    upper: list[float] = Field(default_factory=list)


class Cell(_Part):
    """One attack x access x policy (x attribute x what the adversary has seen) x subgroup."""

    id: str = Field(
        description="Stable name, e.g. 'attribute/map/scores/label/round-2/affairs/all'."
    )
    attack: str
    family: str
    access: str = Field(description="The strongest channel the attack was given, lower case.")
    seen: str = Field(
        description="What the adversary had seen: nothing, y, label, scores, vectors."
    )
    policy: str = Field(description="Name of one of the record's policies.")
    attribute: str | None = Field(default=None, description="Hidden column(s), joined by '+'.")
    subgroup: str = "all"
    declared: bool = Field(description="In the family that was declared beforehand (Holm).")
    primary: Figure = Field(description="The figure the verdict hangs on.")
    gain: Figure | None = Field(
        default=None, description="Attack minus max(prior, imputation), members."
    )
    baseline: Figure | None = Field(default=None, description="The same task without the model.")
    training_leak: Figure | None = Field(default=None, description="Members minus non-members.")
    population_inference: Figure | None = Field(
        default=None, description="Non-members minus imputation."
    )
    figures: list[Figure] = Field(default_factory=list, description="Everything else measured.")
    curves: list[Curve] = Field(default_factory=list)
    p_value: float | None = None
    p_adjusted: float | None = Field(
        default=None, description="Holm for declared, BH for exploratory."
    )
    minimum_detectable_effect: float | None = None
    tolerance: float
    tier: Tier
    verdict: Verdict
    why: str = Field(description="One sentence: why this verdict.")
    harm: str | None = Field(
        default=None, description="Declared harm class of the sensitive column."
    )
    queries: int = Field(description="Rows asked of the target.")
    settings: dict[str, Any] = Field(default_factory=dict)
    notes: dict[str, Any] = Field(default_factory=dict)
    source: str = ""


class Control(_Part):
    """A check of the audit itself."""

    name: str
    kind: Literal["positive", "negative"]
    what: str = Field(description="What was planted, or what must stay silent.")
    figure: Figure | None
    passed: bool
    why: str


NotRunKind = Literal["not exposed", "not enough knowledge", "budget", "failed", "not chosen"]


class NotRun(_Part):
    """Something that was not measured, and why."""

    what: str
    why: str
    kind: NotRunKind


class Person(_Part):
    """A person most exposed, under a pseudonym that only the model's owner can resolve."""

    pseudonym: str
    cell: str
    selected_score: float | None = Field(description="On the first split.")
    confirmed: bool = Field(description="Still exposed on the second split.")
    detail: str = ""


class PolicyEntry(_Part):
    """A policy under audit and what it costs."""

    name: str
    digest: str
    defences: list[dict[str, Any]]
    utility: list[Figure] = Field(default_factory=list, description="Before and after figures.")


class ModelEntry(_Part):
    """The model under audit."""

    name: str
    owner: str
    kind: str
    task: Literal["classification", "regression", "embedding", "text"]
    digest: str
    classes: list[str] = Field(default_factory=list)
    train_score: float | None = None
    test_score: float | None = None
    score_name: str = "accuracy"


class DataEntry(_Part):
    """The data that the audit used."""

    digest: str
    n_members: int
    n_non_members: int
    n_auxiliary: int
    columns: list[str]
    sensitive: dict[str, str] = Field(description="Sensitive column -> declared harm class.")
    target: str
    warnings: list[str] = Field(default_factory=list)


class RunEntry(_Part):
    """When, where and at what cost: the part that differs from run to run, outside the digest."""

    started_at: str
    finished_at: str | None = None
    complete: bool
    reticent_version: str
    python_version: str
    cpu_s: float | None = None
    wall_s: float | None = None
    cpu_s_by_cell: dict[str, float] = Field(default_factory=dict)
    reused: int = Field(
        default=0, description="Finished pieces of work taken over from an earlier run."
    )


class JudgeEntry(_Part):
    """Who judged pictures: somebody who never met the attacked model."""

    name: str
    how: str
    decides: bool = Field(description="One of the three of whom two must agree.")
    genuine: Figure = Field(description="Genuine photos that it recognises, new to it.")


class Pick(_Part):
    """Whom one judge picked on one picture."""

    judge: str
    person: str | None = Field(description="None where it could not decide.")
    place: int = Field(description="At which place the wanted person came, from 1.")


PictureOutcome = Literal["not made", "not found", "class prototype", "individual", "verbatim"]


class Picture(_Part):
    """One reconstruction with what was made of it."""

    cell: str
    person: str = Field(description="Pseudonym of the person that it was made to show.")
    outcome: PictureOutcome
    picks: list[Pick]
    agreed: str | None = Field(description="Whom two of the three judges picked.")
    confidence: float | None = Field(description="The attack's own; no judge's.")
    p_individual: float | None = Field(
        default=None,
        description="That it is nearer to training photos than to others by chance alone, "
        "adjusted (BH).",
    )
    png: str | None = Field(description="Base64; None where it was not made.")
    training_png: str | None = Field(
        default=None, description="Nearest training photo; only with --include-records."
    )


class Effort(_Part):
    """What one cell cost the adversary."""

    cell: str
    gradient_steps: int
    queries: int


class ImagesEntry(_Part):
    """The part of a record that only an audit of pictures has."""

    shape: list[int]
    people: int = Field(description="In the line-up; chance is one in so many.")
    judges: list[JudgeEntry]
    together: Figure = Field(description="Genuine photos on which two of three agree rightly.")
    pictures: list[Picture]
    effort: list[Effort] = Field(default_factory=list)


class Record(_Part):
    """Everything that one audit measured."""

    schema_version: Literal[1] = 1
    digest: str = Field(
        default="", description="SHA-256 of this record without `run` and `digest`."
    )
    config_digest: str
    config_path: str | None = Field(
        default=None, description="As given, relative to the repository."
    )
    seed: int
    confidence: float
    tolerance: float
    model: ModelEntry
    data: DataEntry
    policies: list[PolicyEntry]
    cells: list[Cell]
    controls: list[Control]
    not_run: list[NotRun]
    people: list[Person] = Field(default_factory=list)
    chains: list[dict[str, Any]] = Field(default_factory=list)
    tier: Tier
    verdict: Verdict
    exit_code: Literal[0, 1, 2, 3]
    statement: str = Field(description="The one paragraph that may be quoted.")
    records: list[dict[str, Any]] | None = Field(
        default=None, description="Sensitive values; only with --include-records."
    )
    images: ImagesEntry | None = Field(default=None, description="Audits of pictures only.")
    run: RunEntry
