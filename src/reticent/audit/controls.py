"""Checks of the audit itself: what was planted must be found, and silence must stay silent.

A control that fails makes the audit invalid: "not found" would mean nothing, or a "finding" would
be an artefact of the data.
"""

from dataclasses import replace

import numpy as np

from reticent.attacks import Attack
from reticent.audit.experiment import Experiment
from reticent.audit.grade import grade_attribute, grade_membership, grade_record
from reticent.audit.grade.base import Graded
from reticent.audit.plan import Task
from reticent.audit.prepare import Prepared
from reticent.audit.record import Control
from reticent.audit.show import figure_of
from reticent.audit.stand_ins import deaf, telltale
from reticent.core import (
    AttributeClaim,
    Candidates,
    Column,
    Family,
    Leakage,
    MembershipClaim,
    RecordClaim,
    stack,
)
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.stats.roc import auc
from reticent.targets.base import Target

# A control at 95 % would call one honest audit in twenty invalid.
CONTROL_CONFIDENCE = 0.999
# A planted leak is there for certain, so an interval that wide would only hide it in small audits.
PLANTED_CONFIDENCE = 0.95
BLIND_FOLDS = 5


def membership_controls(
    prepared: Prepared, attack: Attack, task: Task, rng: np.random.Generator
) -> list[Control]:
    """Return the controls of the membership family, run with one of its attacks."""
    experiment = prepared.experiment
    planted = telltale(prepared.target, experiment.members.x, experiment.members.y)
    seen = _claim(prepared, attack, task, planted, rng)
    found = _grade(
        experiment, seen, experiment.is_member, rng, confidence=PLANTED_CONFIDENCE
    ).primary
    controls = [
        positive(
            f"planted membership leak ({attack.name})",
            "The model was made sure and right about every member; the attack must see it.",
            found,
            at_least=0.5,
        )
    ]
    own = _claim(prepared, attack, task, prepared.target, rng)
    shuffled = rng.permutation(experiment.is_member)
    controls.append(
        negative(
            f"shuffled membership ({attack.name})",
            "The same scores, graded against members drawn at random; nothing may be found.",
            _grade(experiment, own, shuffled, rng).primary,
            at_most=0.5,
        )
    )
    return controls


def twin_control(
    prepared: Prepared, attack: Attack, task: Task, rng: np.random.Generator
) -> list[Control]:
    """Return the control in which a look-alike plays the model, if there is one to spare.

    Raises: NotEnoughKnowledge if the attack cannot do without the reference that plays the model.
    """
    if not prepared.references:
        return []
    experiment, last = prepared.experiment, len(prepared.references) - 1
    twin = prepared.references[last].target
    claim = _claim(prepared, attack, task, twin, rng, leave_out=last)
    return [
        negative(
            f"twin model ({attack.name})",
            "A look-alike trained on people drawn at random took the model's place; who is a "
            "member of the model must not show.",
            _grade(experiment, claim, experiment.is_member, rng).primary,
            at_most=0.5,
        )
    ]


def blind_control(experiment: Experiment, rng: np.random.Generator) -> Control:
    """Return whether members can be told from non-members without asking the model at all.

    If they can, they come from different populations, and every membership figure is about that.
    """
    return negative(
        "blind classifier",
        "A classifier that sees the records but not the model tries to tell members from "
        "non-members; if it can, the two groups differ by themselves.",
        blind_auc(experiment, rng),
        at_most=0.5,
    )


def blind_auc(experiment: Experiment, rng: np.random.Generator) -> Leakage:
    """Return the cross-fitted AUC of telling members apart from their records alone."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    from reticent.attacks._encode import fit_encoder

    pool = experiment.pool
    features = np.column_stack(
        [fit_encoder(pool.x).matrix(pool.x), np.asarray(pool.y, dtype=np.float64)]
    )
    folds = StratifiedKFold(BLIND_FOLDS, shuffle=True, random_state=int(rng.integers(2**31 - 1)))
    learner = HistGradientBoostingClassifier(
        max_iter=60, min_samples_leaf=20, random_state=int(rng.integers(2**31 - 1))
    )
    scores = cross_val_predict(
        learner, features, experiment.is_member, cv=folds, method="predict_proba"
    )[:, 1]
    inside = experiment.is_member
    return auc(scores[inside], scores[~inside], confidence=CONTROL_CONFIDENCE)


def attribute_controls(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    imputation: AttributeClaim,
    rng: np.random.Generator,
) -> list[Control]:
    """Return the controls of the attribute and record families, run with one of their attacks.

    Nothing can be planted in the weights of the model under audit, so an attack on them has the
    last control only.
    """
    experiment, target = prepared.experiment, prepared.target
    what = "+".join(task.hidden)
    controls: list[Control] = []
    if task.level != "weights":
        scales = {c: d for c in task.hidden if (d := experiment.domains[c]).continuous}
        # The adversary's own records too: from them it learns what the answers are worth.
        sides = [s for s in (experiment.members, experiment.auxiliary) if s is not None]
        planted = telltale(
            target, stack([s.x for s in sides]), np.concatenate([s.y for s in sides]), scales
        )
        controls.append(
            positive(
                f"planted leak of {what} ({attack.name})",
                "The model was made sure and right about true records, and wrong about others; the "
                "attack must gain on imputation.",
                _hidden(
                    prepared, attack, task, planted, imputation, rng, confidence=PLANTED_CONFIDENCE
                ).primary,
                at_least=0.0,
            )
        )
    if task.level != "weights" and task.family is Family.ATTRIBUTE:
        unhearing = deaf(target, {c: experiment.domains[c].values.tolist()[0] for c in task.hidden})
        controls.append(
            negative(
                f"model that ignores {what} ({attack.name})",
                "The model was made to read the same value for everybody; the attack may gain "
                "nothing on imputation.",
                _hidden(prepared, attack, task, unhearing, imputation, rng).primary,
                at_most=0.0,
            )
        )
    own = _hidden(prepared, attack, task, target, imputation, rng, shuffle=True)
    controls.append(
        negative(
            f"shuffled values of {what} ({attack.name})",
            "The same guesses, graded against values dealt out at random; nothing may be gained.",
            own.primary,
            at_most=0.0,
        )
    )
    return controls


def _claim(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    target: Target,
    rng: np.random.Generator,
    *,
    leave_out: int | None = None,
) -> MembershipClaim:
    access = replace(prepared.door(task, ledger=QueryLedger(), target=target), policy=Policy())
    open_ = replace(
        prepared, experiment=replace(prepared.experiment, policies={task.policy: Policy()})
    )
    claim = attack.run(
        access, open_.candidates(task), open_.knowledge(task, leave_out=leave_out), rng
    )
    if not isinstance(claim, MembershipClaim):
        raise TypeError(f"{attack.name} is no membership attack")
    return claim


def _grade(
    experiment: Experiment,
    claim: MembershipClaim,
    is_member: Column,
    rng: np.random.Generator,
    *,
    confidence: float = CONTROL_CONFIDENCE,
) -> Graded:
    return grade_membership(
        claim.scores,
        is_member,
        rng,
        confidence=confidence,
        prior=experiment.prior_membership,
        ppv_declared=experiment.ppv_declared,
    )


def _hidden(
    prepared: Prepared,
    attack: Attack,
    task: Task,
    target: Target,
    imputation: AttributeClaim,
    rng: np.random.Generator,
    *,
    shuffle: bool = False,
    confidence: float = CONTROL_CONFIDENCE,
) -> Graded:
    """Run an attack on hidden columns against a stand-in for the model, and grade it."""
    experiment = prepared.experiment
    open_ = replace(
        prepared, experiment=replace(experiment, policies={task.policy: Policy()}), target=target
    )
    people: Candidates = open_.candidates(task)
    access = replace(open_.door(task, ledger=QueryLedger()), policy=Policy())
    claim = attack.run(access, people, open_.knowledge(task), rng)
    truth = experiment.pool.x
    if isinstance(truth, np.ndarray):
        raise TypeError("hidden columns need named columns")
    if shuffle:
        order = rng.permutation(len(truth))
        truth = truth.assign(**{c: truth[c].to_numpy()[order] for c in task.hidden})
    inside, domains = experiment.is_member, experiment.domains
    if isinstance(claim, RecordClaim):
        return grade_record(claim, truth, inside, imputation, domains, confidence=confidence)
    if not isinstance(claim, AttributeClaim):
        raise TypeError(f"{attack.name} guesses no hidden columns")
    return grade_attribute(
        claim,
        truth,
        inside,
        imputation,
        domains,
        rng,
        confidence=confidence,
        ppv_declared=experiment.ppv_declared,
    )


def positive(name: str, what: str, found: Leakage, *, at_least: float) -> Control:
    """Return a control that passes if what was planted was found."""
    passed = found.lower is not None and found.lower > at_least
    why = (
        f"Found: the interval lies above {at_least:g}."
        if passed
        else f"Not found: the interval does not lie above {at_least:g}, so that 'not found' "
        "elsewhere would mean nothing."
    )
    return Control(
        name=name, kind="positive", what=what, figure=figure_of(found), passed=passed, why=why
    )


def negative(name: str, what: str, found: Leakage, *, at_most: float) -> Control:
    """Return a control that passes if nothing was found where nothing is."""
    passed = found.lower is not None and found.lower <= at_most
    why = (
        f"Silent: the interval does not lie above {at_most:g}."
        if passed
        else f"Not silent: the interval lies above {at_most:g}, so that findings elsewhere may "
        "be an artefact."
    )
    return Control(
        name=name, kind="negative", what=what, figure=figure_of(found), passed=passed, why=why
    )
