"""What the record says of the model, the data, the policies and the run as a whole."""

import numpy as np

from reticent.audit.experiment import Experiment
from reticent.audit.record import Cell, DataEntry, Figure, ModelEntry, PolicyEntry, Record
from reticent.audit.show import figure_of
from reticent.core import Answer, Channel, Column, Leakage, Population
from reticent.stats.differences import mean_difference
from reticent.stats.intervals import proportion

AFTER = ("accuracy_after", "share_of_scores_shown", "mae_after")
OVERFIT_GAP = 0.05  # a gap between training and test score from which it is named as a warning


def model_entry(experiment: Experiment) -> ModelEntry:
    """Return the model with its score on the people it was trained on and on others."""
    target = experiment.target
    return ModelEntry(
        name=target.name,
        owner=experiment.owner,
        kind=experiment.kind,
        task="classification" if experiment.classify else "regression",
        digest=experiment.model_digest,
        classes=[str(value) for value in target.classes],
        train_score=_score(experiment, experiment.members),
        test_score=_score(experiment, experiment.honest_users),
        score_name="accuracy" if experiment.classify else "R2",
    )


def _score(experiment: Experiment, people: Population) -> float | None:
    if len(people) == 0:
        return None
    answer = experiment.target.answer(people.x)
    if answer.labels is not None:
        return float((answer.labels == people.y).mean())
    if answer.values is None:
        return None
    spread = float(np.var(people.y))
    return 1 - float(np.mean((answer.values - people.y) ** 2)) / spread if spread > 0 else None


def data_entry(experiment: Experiment) -> DataEntry:
    """Return the data with what was noticed about it."""
    return DataEntry(
        digest=experiment.data_digest,
        n_members=len(experiment.members),
        n_non_members=len(experiment.non_members),
        n_auxiliary=0 if experiment.auxiliary is None else len(experiment.auxiliary),
        columns=list(experiment.columns),
        sensitive={s.column: s.harm for s in experiment.sensitive},
        target=experiment.target_column,
        warnings=[*experiment.warnings, *preconditions(experiment)],
    )


def preconditions(experiment: Experiment) -> list[str]:
    """Return what makes leakage likely here, before any attack has run."""
    found: list[str] = []
    train, test = (
        _score(experiment, experiment.members),
        _score(experiment, experiment.honest_users),
    )
    if train is not None and test is not None and train - test > OVERFIT_GAP:
        found.append(
            f"The model scores {train:.3f} on members and {test:.3f} on non-members: it fits its "
            "training data closer than the population."
        )
    if Channel.SCORES & experiment.exposed:
        first = next(iter(experiment.policies.values()))
        if not first.defences and experiment.classify:
            found.append("The policy in force passes class probabilities at full precision.")
    classes = len(experiment.target.classes)
    for name, policy in experiment.policies.items():
        for step in policy.to_list():
            if classes and step.get("kind") == "top_k" and step["k"] >= classes:
                found.append(
                    f"Policy {name!r} shows the top {step['k']} of {classes} classes: that step "
                    "withholds nothing."
                )
    if Channel.WEIGHTS & experiment.exposed:
        found.append("The weights are exposed: no output policy can lower what they give away.")
    if experiment.query_budget is None:
        found.append("No query budget is declared: an adversary may ask as often as it likes.")
    return found


def policy_entries(experiment: Experiment) -> list[PolicyEntry]:
    """Return every policy with what it costs the model's honest users."""
    people = experiment.honest_users
    raw = experiment.target.answer(people.x)
    entries = []
    for name, policy in experiment.policies.items():
        after = experiment.applied(name).apply(raw, people.x, secret=experiment.secret)
        kept = utility(raw, after, people.y, experiment.confidence)
        if experiment.guarded:  # nobody outside sees what the answers were before
            kept = [f for f in kept if f.metric in AFTER]
        entries.append(
            PolicyEntry(
                name=name,
                digest=policy.digest,
                defences=policy.to_list(),
                utility=kept,
            )
        )
    return entries


def utility(raw: Answer, after: Answer, y: Column, confidence: float) -> list[Figure]:
    """Return what honest users keep, on people the model was not trained on.

    Args:
        raw: answers before the policy.
        after: the same answers behind it.
        y: (n,) true outcomes.
        confidence: of every interval.
    """
    figures: list[Figure] = []
    if raw.labels is not None and after.labels is not None:
        for name, labels in (("accuracy_before", raw.labels), ("accuracy_after", after.labels)):
            right = int((labels == y).sum())
            figures.append(
                figure_of(
                    proportion(right, len(y), metric=name, confidence=confidence, members=False)
                )
            )
    if raw.scores is not None and after.scores is not None:
        shown = ~np.isnan(after.scores)
        figures.append(
            figure_of(
                proportion(
                    int(shown.sum()),
                    shown.size,
                    metric="share_of_scores_shown",
                    confidence=confidence,
                    members=False,
                )
            )
        )
        moved = np.where(shown, np.abs(after.scores - raw.scores), 0.0).sum(axis=1)
        change = moved / np.maximum(shown.sum(axis=1), 1)
        figures.append(figure_of(_mean(change, "mean_change_of_shown_scores", confidence)))
    if raw.values is not None and after.values is not None:
        for name, values in (("mae_before", raw.values), ("mae_after", after.values)):
            figures.append(figure_of(_mean(np.abs(values - y), name, confidence)))
    return figures


def _mean(values: Column, metric: str, confidence: float) -> Leakage:
    zero = np.zeros(len(values))
    return mean_difference(
        values, zero, metric=metric, confidence=confidence, null=None, members=False
    )


def statement(record: Record) -> str:
    """Return the one paragraph that may be quoted: what was done, what was seen, what was not."""
    n = record.data.n_members + record.data.n_non_members
    attacks = sorted({cell.attack for cell in record.cells})
    access = sorted({cell.access.replace("_", "-") for cell in record.cells})
    lead = (
        f"In run {record.config_digest[:8]}-{record.seed}, {len(attacks)} attacks at access "
        f"{', '.join(access) or 'none'} on {n} subjects ({record.data.n_members} members, "
        f"{record.data.n_non_members} non-members): "
    )
    if not record.run.complete:
        lead = "The run was stopped before its end. " + lead
    if record.verdict == "invalid":
        failed = ", ".join(c.name for c in record.controls if not c.passed)
        return lead + f"the audit is invalid, because these controls failed: {failed}."
    findings = [cell for cell in record.cells if cell.verdict == "finding"]
    parts = [f"{len(findings)} of {len(record.cells)} cells are findings"]
    worst = max(findings, key=_weight, default=None)
    if worst is not None:
        f = worst.primary
        parts.append(
            f"the strongest, {worst.id}, has {f.metric} {f.estimate:.3f} "
            f"[{f.lower:.3f}, {f.upper:.3f}]"
        )
    missed = [
        cell.minimum_detectable_effect
        for cell in record.cells
        if cell.verdict == "nothing found" and cell.minimum_detectable_effect is not None
    ]
    if missed:
        parts.append(
            f"where nothing was found, effects below {max(missed):.3f} would have been missed"
        )
    open_ = sum(cell.verdict == "inconclusive" for cell in record.cells)
    if open_:
        parts.append(f"{open_} cells are inconclusive")
    return lead + "; ".join(parts) + ". Evidence for a human's assessment."


def _weight(cell: Cell) -> tuple[int, float]:
    order = ("E0", "E?", "E1", "E2", "E3")
    lower = cell.primary.lower if cell.primary.lower is not None else 0.0
    return order.index(cell.tier), lower - (cell.primary.null or 0.0)
