"""Put an audit of pictures into the same record as every other audit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reticent.audit import assembly
from reticent.audit.assembly import Known
from reticent.audit.images.controls import TWINS
from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.audit.images.gallery import finite, images_of
from reticent.audit.images.grade import OUTCOMES, Bench
from reticent.audit.images.identify import enrolled, identified
from reticent.audit.measured import SoFar
from reticent.audit.pieces import Piece
from reticent.audit.plan import Plan
from reticent.audit.record import (
    Cell,
    DataEntry,
    Figure,
    ModelEntry,
    NotRun,
    Person,
    PolicyEntry,
    Record,
    RunEntry,
)
from reticent.audit.show import figure_of
from reticent.audit.summary import OVERFIT_GAP, utility
from reticent.core import Answer, Channel
from reticent.policy import Policy
from reticent.stats.intervals import proportion

MOST_PEOPLE = 10  # singled out, of each of the clearest findings
MOST_CELLS = 6


def known_of(experiment: ImageExperiment) -> Known:
    """Return what can be said before the first attack; asks the model about every photo."""
    train, test = _score(experiment, experiment.training), _score(experiment, experiment.held_out)
    public = experiment.public
    return Known(
        model=ModelEntry(
            name=experiment.target.name,
            owner=experiment.owner,
            kind=experiment.kind,
            task="embedding" if experiment.embeds else "classification",
            digest=experiment.model_digest,
            classes=[experiment.called(i) for i in range(experiment.k)],
            train_score=train,
            test_score=test,
            score_name="identification" if experiment.embeds else "accuracy",
        ),
        data=DataEntry(
            digest=experiment.data_digest,
            n_members=len(experiment.people),
            n_non_members=0,
            n_auxiliary=0 if public is None else len(public),
            columns=[],
            sensitive={},
            target="who is on the picture",
            warnings=[*experiment.warnings, *_preconditions(experiment, train, test)],
        ),
        policies=_policies(experiment),
    )


def record_of(
    bench: Bench,
    plan: Plan,
    so_far: SoFar,
    known: Known,
    *,
    include_records: bool,
    run: RunEntry,
) -> Record:
    """Return the record of what has been measured so far."""
    experiment = bench.experiment
    twinned = any(c.name.startswith(TWINS) and c.passed for c in so_far.controls)
    # A cell that ran out of queries is a piece like any other, also when it is taken over.
    stopped = [
        NotRun(what=task.id, why=str(piece.measured.cell.notes["stopped"]), kind="budget")
        for task in plan.tasks
        if (piece := so_far.pieces.get(task.id)) and "stopped" in piece.measured.cell.notes
    ]

    def reread(cells: list[Cell]) -> list[Cell]:
        return [_in_words(c if twinned or _seen_of_one(c) else _no_twin(c)) for c in cells]

    def beside(pieces: Mapping[str, Piece], cells: list[Cell]) -> dict[str, Any]:
        return {
            "people": _exposed(experiment, pieces, cells),
            "images": images_of(bench, pieces, include_records=include_records),
        }

    return assembly.record_of(
        experiment,
        plan,
        replace(so_far, not_run=[*so_far.not_run, *stopped]),
        known,
        run=run,
        reread=reread,
        beside=beside,
    )


def _seen_of_one(cell: Cell) -> bool:
    """Return whether a cell is about what was seen of a photo: whose it is needs no twin."""
    return cell.seen == "vectors" or cell.access == "intermediate"


def _no_twin(cell: Cell) -> Cell:
    """Lower what rests on single people: no twin has shown that it comes from their photos."""
    if cell.tier != "E2":
        return cell
    why = (
        f"{cell.why} Counted for the group alone: no twin, trained without the person, has shown "
        "that the pictures come from their photos (give model.recipe)."
    )
    return cell.model_copy(update={"tier": "E1", "why": why})


def _in_words(cell: Cell) -> Cell:
    """Say who confirmed: judges on photos of their own, where tables have a second split."""
    judges = "people confirmed by judges who never met the model"
    return cell.model_copy(
        update={"why": cell.why.replace("people confirmed on the second split", judges)}
    )


def _score(experiment: ImageExperiment, photos: Photos) -> float | None:
    answer = experiment.target.answer(experiment.space.inputs(photos.x))
    if answer.embeddings is not None:
        if photos is experiment.training:
            return None  # they are what is looked up
        return float(
            identified(enrolled(experiment, Policy()), answer.embeddings, photos.who).mean()
        )
    return None if answer.labels is None else float((answer.labels == photos.who).mean())


def _preconditions(
    experiment: ImageExperiment, train: float | None, test: float | None
) -> list[str]:
    found: list[str] = []
    if train is not None and test is not None and train - test > OVERFIT_GAP:
        found.append(
            f"The model scores {train:.3f} on training photos and {test:.3f} on held-out ones of "
            "the same people: it fits its training photos closer than the people."
        )
    held = experiment.exposed & experiment.target.channels & Channel.WEIGHTS
    if held and not experiment.embeds:
        found.append("The weights are exposed: no output policy can lower what they give away.")
    if experiment.public is None:
        found.append(
            "The adversary has no pictures of its own, so that attacks with a learned prior were "
            "not run, and the picture of nobody is the mean of the held-out photos."
        )
    if experiment.query_budget is None:
        found.append("No query budget is declared: an adversary may ask as often as it likes.")
    return found


def _policies(experiment: ImageExperiment) -> list[PolicyEntry]:
    x = experiment.space.inputs(experiment.held_out.x)
    raw = experiment.target.answer(x)
    return [
        PolicyEntry(
            name=name,
            digest=policy.digest,
            defences=policy.to_list(),
            utility=_utility(
                experiment, policy, raw, policy.apply(raw, x, secret=experiment.secret)
            ),
        )
        for name, policy in experiment.policies.items()
    ]


def _utility(
    experiment: ImageExperiment, policy: Policy, raw: Answer, after: Answer
) -> list[Figure]:
    who, level = experiment.held_out.who, experiment.confidence
    if raw.embeddings is None:
        return utility(raw, after, who, level)
    found = []
    for name, chain, told in (("before", Policy(), raw), ("after", policy, after)):
        if told.embeddings is not None:
            right = identified(enrolled(experiment, chain), told.embeddings, who)
            metric = f"identification_{name}"
            found.append(
                figure_of(
                    proportion(
                        int(right.sum()), len(who), metric=metric, confidence=level, members=False
                    )
                )
            )
    return found


def _exposed(
    experiment: ImageExperiment, pieces: Mapping[str, Piece], cells: Sequence[Cell]
) -> list[Person]:
    """Return the people recognised in the clearest findings, the surest pictures first."""
    order = ("E3", "E2", "E1")
    findings = sorted(
        (c for c in cells if c.verdict == "finding"),
        key=lambda c: (order.index(c.tier), -(c.primary.lower or 0.0), c.id),
    )
    found: list[Person] = []
    for cell in findings[:MOST_CELLS]:
        arrays, singled = pieces[cell.id].arrays, pieces[cell.id].measured.individuals
        if singled is None:
            continue
        sure = arrays["confidence"]
        for row in sorted(singled.rows, key=lambda r: -_number(float(sure[r])))[:MOST_PEOPLE]:
            found.append(
                Person(
                    pseudonym=experiment.called(int(experiment.people[row])),
                    cell=cell.id,
                    selected_score=finite(sure[row]),
                    confirmed=True,
                    detail=f"Two of three judges pick this person; outcome: "
                    f"{OUTCOMES[int(arrays['outcomes'][row])]}.",
                )
            )
    return found


def _number(value: float) -> float:
    return float(value) if np.isfinite(value) else float("-inf")
