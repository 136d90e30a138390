"""Make an experiment from a configuration, or from objects in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.audit.configured import configured, secret_of
from reticent.audit.experiment import (
    ANSWERING,
    Experiment,
    Sensitive,
    domain_of,
    encode_outcomes,
    sample,
)
from reticent.audit.reading import read_all, read_auxiliary
from reticent.audit.store import key_of
from reticent.audit.trainer import trainer_for
from reticent.audit.under_test import under_test
from reticent.config import Config
from reticent.core import BadInput, Channel, Column, Domain, Inputs, Population
from reticent.policy import Policy
from reticent.targets.base import Target

if TYPE_CHECKING:
    import pandas as pd

OUTCOME = "(outcome)"
# Learners get hardly better with more, and a million rows would cost minutes for each of them.
AUXILIARY_PER_CANDIDATE = 5


def from_config(
    config: Config, *, trust_model_file: bool = False, secret: bytes = b""
) -> Experiment:
    """Return the experiment that a configuration describes, its model and data read.

    Args:
        config: as loaded from `reticent.toml`.
        trust_model_file: the user's consent that the model file may run code.
        secret: key of the endpoint's noise and of the pseudonyms; derived from the seed if empty,
            so that equal runs give equal records.

    Raises: BadInput for anything that cannot be read or does not fit together.
    """
    from reticent.data import check_sides

    target, members, non_members, features, digest = read_all(config, trust=trust_model_file)
    checked = check_sides(
        members, non_members, inputs=features, target=config.data.target, classes=target.classes
    )
    fields = [*features, config.data.target]
    train_rows = len(members)
    outside = [non_members[fields]]
    if config.data.auxiliary is not None:
        outside.append(read_auxiliary(config, config.data.auxiliary, fields))
    users = _population(non_members, features, config, target)
    members, non_members, twins = under_test(
        checked.members, checked.non_members, outside, features, config.data.target
    )
    rng = np.random.default_rng([config.audit.seed, 0])
    auxiliary: pd.DataFrame | None
    if config.data.auxiliary is not None:
        auxiliary = outside[-1]
    else:
        taken = rng.random(len(non_members)) < config.adversary.auxiliary_share
        auxiliary, non_members = (
            non_members[taken].reset_index(drop=True),
            non_members[~taken].reset_index(drop=True),
        )
    most = config.data.max_candidates
    people = {
        "members": sample(_population(members, features, config, target), most, rng),
        "non_members": sample(_population(non_members, features, config, target), most, rng),
    }
    sensitive = [
        Sensitive(column=s.column, harm=s.harm, positive=s.positive) for s in config.sensitive
    ]
    tols = {
        s.column: (s.tolerance if s.tolerance is not None else _half_std(members, s.column))
        for s in config.sensitive
        if s.column in members and (s.tolerance is not None or s.continuous)
    }
    known_of = auxiliary if auxiliary is not None and len(auxiliary) else non_members
    domains = _domains(known_of, features, tols, config.adversary.priors)
    return Experiment(
        target=target,
        trainer=trainer_for(
            target, config.model.reference, task=_task(target), x=people["members"].x
        ),
        kind=config.model.reached_by,
        model_digest=digest,
        members=people["members"],
        non_members=people["non_members"],
        auxiliary=None
        if auxiliary is None or len(auxiliary) == 0
        else sample(
            _population(auxiliary, features, config, target), AUXILIARY_PER_CANDIDATE * most, rng
        ),
        users=sample(users, most, rng),
        target_column=config.data.target,
        sensitive=tuple(sensitive),
        hidden_together=tuple(config.adversary.hidden_together),
        domains=domains,
        exposed=config.exposure.reachable(classify=bool(target.classes)),
        guarded=config.model.guarded,
        seen=config.seen,
        reference_models=config.adversary.reference_models,
        shadow_models=config.adversary.shadow_models,
        prior_membership=config.adversary.prior_membership,
        known=config.adversary.known,
        knows_policy=config.adversary.knows_policy,
        train_rows=train_rows,
        warnings=(
            *(f"{f.what} {f.way_out}" for f in checked.findings),
            *twins,
            *_fewer(auxiliary, most),
        ),
        **configured(config, secret=secret),
    )


def _fewer(auxiliary: "pd.DataFrame | None", most: int) -> tuple[str, ...]:
    """Return a warning if the adversary is given a part of its records only."""
    kept = AUXILIARY_PER_CANDIDATE * most
    if auxiliary is None or len(auxiliary) <= kept:
        return ()
    return (
        f"The adversary learns from {kept} of its {len(auxiliary)} auxiliary records, drawn with "
        "the seed; raise data.max_candidates to give it more.",
    )


def from_objects(
    model: Any,
    *,
    members: tuple[Any, Any],
    non_members: tuple[Any, Any],
    owner: str,
    sensitive: Sequence[str | Sensitive] = (),
    auxiliary: tuple[Any, Any] | None = None,
    auxiliary_share: float = 0.5,
    policies: Mapping[str, Policy] | None = None,
    exposed: Channel = ANSWERING,
    name: str = "",
    reference: str = "same",
    seed: int = 0,
    max_candidates: int = 2000,
    secret: bytes = b"",
    tolerances: Mapping[str, float] | None = None,
    **settings: Any,
) -> Experiment:
    """Return an experiment about a fitted model and data in memory.

    Args:
        model: a fitted scikit-learn estimator or pipeline, or any `Target`.
        members: (x, y) that it was trained on; x a DataFrame or an array, y class values.
        non_members: (x, y) from the same population that it was not trained on.
        owner: who answers for the model.
        sensitive: columns whose values would hurt.
        auxiliary: (x, y) that the adversary owns; default: a share of the non-members.
        auxiliary_share: that share.
        policies: name -> policy, the first in force; default: one without defences.
        exposed: channels that callers can reach.
        name: how reports call the model.
        reference: how the adversary trains look-alikes; see `trainer_for`.
        seed: of everything random.
        max_candidates: people under test on each side.
        secret: key of the endpoint's noise and of the pseudonyms.
        tolerances: column -> half-width within which a guess of a scale counts as right.
        settings: further fields of `Experiment`.

    Raises: BadInput for data that do not fit together.
    """
    import pandas as pd

    from reticent.data import check_sides

    target = _as_target(model, name)
    classes = target.classes
    features = list(
        members[0].columns
        if isinstance(members[0], pd.DataFrame)
        else target.columns or [f"x{j}" for j in range(np.asarray(members[0]).shape[1])]
    )

    def frame(x: Any, y: Any) -> pd.DataFrame:
        table = x if isinstance(x, pd.DataFrame) else pd.DataFrame(np.asarray(x), columns=features)
        return table.assign(**{OUTCOME: np.asarray(y)}).reset_index(drop=True)

    checked = check_sides(
        frame(*members), frame(*non_members), inputs=features, target=OUTCOME, classes=classes
    )
    rng = np.random.default_rng([seed, 0])
    beyond = [frame(*non_members), *([frame(*auxiliary)] if auxiliary is not None else [])]
    kept, outside, twins = under_test(
        checked.members, checked.non_members, beyond, features, OUTCOME
    )
    if auxiliary is not None:
        aux = beyond[-1]
    else:
        taken = rng.random(len(outside)) < auxiliary_share
        aux, outside = outside[taken].reset_index(drop=True), outside[~taken].reset_index(drop=True)

    def population(table: pd.DataFrame) -> Population:
        y = encode_outcomes(table[OUTCOME].to_numpy(), classes, name="y")
        return Population(x=table[features], y=y)

    inside = sample(population(kept), max_candidates, rng)
    columns = [s if isinstance(s, Sensitive) else Sensitive(column=s) for s in sensitive]
    return Experiment(
        target=target,
        trainer=trainer_for(target, reference, task=_task(target), x=inside.x),
        owner=owner,
        kind="object",
        model_digest=settings.pop("model_digest", "")
        or key_of(model=_object_digest(target, population(checked.members).x)),
        members=inside,
        non_members=sample(population(outside), max_candidates, rng),
        auxiliary=population(aux) if len(aux) else None,
        users=sample(population(beyond[0]), max_candidates, rng),
        sensitive=tuple(columns),
        domains=_domains(aux if len(aux) else outside, features, tolerances or {}, {}),
        exposed=exposed,
        policies=dict(policies) if policies else {"open": Policy()},
        seed=seed,
        secret=secret or secret_of(seed),
        train_rows=len(checked.members),
        warnings=(*(f"{f.what} {f.way_out}" for f in checked.findings), *twins),
        **settings,
    )


def _population(
    table: "pd.DataFrame", features: Sequence[str], config: Config, target: Target
) -> Population:
    y: Column = encode_outcomes(
        table[config.data.target].to_numpy(), target.classes, name=config.data.target
    )
    return Population(x=table[list(features)], y=y)


def _domains(
    table: "pd.DataFrame",
    features: Sequence[str],
    tols: Mapping[str, float | None],
    priors: Mapping[str, Mapping[str, float]],
) -> dict[str, Domain]:
    domains = {column: domain_of(table[column], tol=tols.get(column)) for column in features}
    for column, shares in priors.items():
        domain = domains.get(column)
        if domain is None:
            raise BadInput(
                f"adversary.priors names {column!r}, which is not among the model's inputs.",
                way_out=f"Choose from {list(features)}.",
            )
        mass = np.array([shares.get(_said(v), 0.0) for v in domain.values.tolist()])
        if mass.sum() <= 0:
            raise BadInput(
                f"adversary.priors.{column} gives no probability to any value of the column "
                f"({[_said(v) for v in domain.values.tolist()]}).",
                way_out="Write the values as they stand in the data.",
            )
        domains[column] = replace(domain, prior=mass / mass.sum())
    return domains


def _said(value: object) -> str:
    """Return a value as a configuration file writes it: 1.0 as "1"."""
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def _half_std(table: "pd.DataFrame", column: str) -> float:
    return float(np.nanstd(table[column].to_numpy(dtype=np.float64))) / 2


def _task(target: Target) -> str:
    return "classification" if target.classes else "regression"


def _as_target(model: Any, name: str) -> Target:
    if hasattr(model, "answer") and hasattr(model, "channels"):
        target: Target = model
        return target
    from reticent.targets.sklearn import SklearnTarget

    return SklearnTarget(model, name=name)


def _object_digest(target: Target, x: Inputs) -> str:
    """Return a name for a model that has no file: what it answers to its own members."""
    answer = target.answer(x)
    digest = hashlib.sha256(type(target.weights()).__qualname__.encode())
    for part in (answer.labels, answer.scores, answer.values, answer.embeddings):
        if part is not None:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
