"""Make an experiment from a configuration, or from objects in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.audit.experiment import (
    ANSWERING,
    MIN_PER_SIDE,
    Experiment,
    Sensitive,
    domain_of,
    encode_outcomes,
    sample,
)
from reticent.audit.store import key_of
from reticent.audit.trainer import trainer_for
from reticent.config import Config
from reticent.core import Answer, BadInput, Channel, Column, Domain, Inputs, Population
from reticent.policy import Policy
from reticent.targets._raw import guarded
from reticent.targets.base import Target
from reticent.targets.files import load_model, model_digest

if TYPE_CHECKING:
    import pandas as pd

OUTCOME = "(outcome)"
# Learners get hardly better with more, and a million rows would cost minutes for each of them.
AUXILIARY_PER_CANDIDATE = 5
# Columns of a recorded query log that hold answers; all the others are inputs.
LOG_LABEL, LOG_VALUE, LOG_SCORE = "answer.label", "answer.value", "answer.score."


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

    target, members, non_members, features, digest = _read_all(config, trust=trust_model_file)
    checked = check_sides(
        members, non_members, inputs=features, target=config.data.target, classes=target.classes
    )
    fields = [*features, config.data.target]
    train_rows = len(members)
    outside = [non_members[fields]]
    if config.data.auxiliary is not None:
        outside.append(_auxiliary(config, config.data.auxiliary, fields))
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
        owner=config.model.owner,
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
        policies=config.policies,
        guarded=config.model.guarded,
        seen=config.seen,
        reference_models=config.adversary.reference_models,
        shadow_models=config.adversary.shadow_models,
        query_budget=config.adversary.query_budget,
        prior_membership=config.adversary.prior_membership,
        ppv_declared=config.audit.ppv_declared,
        attacks=tuple(config.audit.attacks),
        exclude=tuple(config.audit.exclude),
        declared=(("all", "all"),)
        if isinstance(config.audit.declared, str)
        else tuple((d.attack, d.policy) for d in config.audit.declared),
        known=config.adversary.known,
        knows_policy=config.adversary.knows_policy,
        tolerance=config.audit.tolerance,
        confidence=config.audit.confidence,
        seed=config.audit.seed,
        secret=secret or _seed_secret(config.audit.seed),
        config_digest=config.digest,
        config_path=None if config._path is None else str(config._path),
        train_rows=train_rows,
        warnings=(
            *(f"{f.what} {f.way_out}" for f in checked.findings),
            *twins,
            *_fewer(auxiliary, most),
        ),
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


def under_test(
    members: "pd.DataFrame",
    non_members: "pd.DataFrame",
    outside: "Sequence[pd.DataFrame]",
    features: Sequence[str],
    outcome: str,
) -> "tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]":
    """Leave out members with a twin outside the training data, and all copies but one.

    Non-members who equal a member are left out because they are no non-members. Without the same
    rule for members, common records would stand on one side only, and membership could be read
    off how common a record is. Copies on one side are no independent people: they would make
    every interval too narrow.

    Args:
        members: (n, ...) records that were trained on.
        non_members: records that were not, those who equal a member already left out.
        outside: records that were not trained on, before any was left out; all but the first
            are the adversary's own.
        features: the model's input columns.
        outcome: the outcome column.

    Returns: the members and the non-members who stay, and what to warn about.
    """
    import pandas as pd

    from reticent.data import among

    columns = [*features, outcome]
    warnings: list[str] = []
    same = among(pd.concat([part[columns] for part in outside]), members[columns])
    if same.any() and len(members) - int(same.sum()) >= MIN_PER_SIDE:
        warnings.append(
            f"{int(same.sum())} of {len(members)} members equal a record outside the training "
            "data in all columns; they are not under test, as the non-members who equal a member "
            "are not."
        )
        members = members[~same]
    elif same.any():
        warnings.append(
            f"{int(same.sum())} of {len(members)} members equal a record outside the training "
            f"data in all columns. Without them fewer than {MIN_PER_SIDE} would be left, so that "
            "they stay under test; an adversary may hold them already."
        )
    if len(outside) > 1:
        owned = among(pd.concat([part[columns] for part in outside[1:]]), non_members[columns])
        if owned.any() and len(non_members) - int(owned.sum()) >= MIN_PER_SIDE:
            warnings.append(
                f"{int(owned.sum())} of {len(non_members)} non-members are among the adversary's "
                "own records; they are not under test, as the members who are there are not."
            )
            non_members = non_members[~owned]
    sides = []
    for name, side in (("members", members), ("non-members", non_members)):
        once = side.drop_duplicates(subset=list(features))
        if len(once) < len(side) and len(once) >= MIN_PER_SIDE:
            warnings.append(
                f"{len(side) - len(once)} of {len(side)} {name} have the same inputs as another "
                "one; each such record is under test once."
            )
            side = once
        sides.append(side.reset_index(drop=True))
    return sides[0], sides[1], tuple(warnings)


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
        secret=secret or _seed_secret(seed),
        train_rows=len(checked.members),
        warnings=(*(f"{f.what} {f.way_out}" for f in checked.findings), *twins),
        **settings,
    )


def _read_all(
    config: Config, *, trust: bool
) -> "tuple[Target, pd.DataFrame, pd.DataFrame, list[str], str]":
    """Return the model, both sides, the model's input columns, and the exact model's name."""
    if config.model.reached_by in ("function", "replay", "http"):
        members, non_members, features = _sides(config, ())
        target = load_asked(config, features, members)
        name = _name(config, target, members[features])
        return target, members, non_members, features, name
    path = config.base / (config.model.path or "")
    target = load_model(path, trust=trust, name=config.model.title)
    members, non_members, features = _sides(config, target.columns)
    return target, members, non_members, features, model_digest(path)


def load_asked(config: Config, features: Sequence[str], rows: "pd.DataFrame") -> Target:
    """Return a model that is no file: a Python function, a recorded query log or an endpoint.

    A function is asked about three rows to see whether it answers with probabilities or labels:
    a table of several columns is probabilities, and is then checked as such. So is an endpoint.

    Args:
        config: as written.
        features: the input columns in order.
        rows: some records, to try a function on.

    Raises: BadInput for a function that cannot be found, or classes that are not declared.
    """
    from reticent.targets.function import FunctionTarget, load_function
    from reticent.targets.replay import ReplayTarget

    model, classes = config.model, tuple(config.model.classes or ())
    if model.reached_by == "replay":
        log = _read(config, model.path or "", None)
        named = [str(column) for column in log.columns]
        scores = [c for c in named if c.startswith(LOG_SCORE)]
        return ReplayTarget.from_log(
            log.rename(columns={c: c.removeprefix(LOG_SCORE) for c in scores}),
            inputs=features,
            label=LOG_LABEL if LOG_LABEL in named else None,
            scores=[c.removeprefix(LOG_SCORE) for c in scores],
            value=LOG_VALUE if LOG_VALUE in named else None,
            classes=classes,
            name=model.title,
        )
    if model.reached_by == "http":
        return _endpoint(config, features, rows)
    function = load_function(model.call or "", beside=config.base)
    if model.task == "regression":
        return FunctionTarget(
            function=function, returns="values", columns=tuple(features), name=model.title
        )
    classes = classes or _outcomes(rows[config.data.target])
    few = rows[list(features)].head(3)
    shape = guarded(lambda: np.shape(function(few)), model=model.title, asked=few)
    target = FunctionTarget(
        function=function,
        returns="probabilities" if len(shape) == 2 and shape[1] > 1 else "labels",
        classes=classes,
        columns=tuple(features),
        name=model.title,
    )
    target.answer(few)
    return target


def _endpoint(config: Config, features: Sequence[str], rows: "pd.DataFrame") -> Target:
    try:
        from reticent.protocols import Interface
        from reticent.targets.http import open_http
    except ImportError as error:
        raise BadInput(
            f"An endpoint cannot be asked: {error.name} is not installed.",
            way_out="pip install 'reticent[http]'",
        ) from error
    model = config.model
    classify = model.task != "regression"
    return open_http(
        model.url or "",
        protocol=model.protocol or "",
        interface=Interface(
            model=model.served_as or model.name or "model",
            task="classification" if classify else "regression",
            classes=tuple(model.classes or _outcomes(rows[config.data.target])) if classify else (),
            columns=tuple(features),
            outputs=model.outputs,
            version=model.version,
            settings=model.settings,
        ),
        first=rows[list(features)].head(3),
        name=model.title,
        key_env=model.key_env,
        policy_digest=next(iter(config.policies.values())).digest if model.guarded else "",
        batch_rows=model.batch_rows,
        timeout_s=model.timeout_s,
        wait_s=model.wait_s,
    )


def _plain(answer: Answer) -> list[Any]:
    parts = (answer.labels, answer.scores, answer.values)
    return [None if part is None else np.nan_to_num(part, nan=-1.0).tolist() for part in parts]


def _outcomes(column: "pd.Series[Any]") -> tuple[object, ...]:
    """Return the class values that the data hold, in order."""
    return tuple(np.unique(column.dropna().to_numpy()).tolist())


def _name(config: Config, target: Target, rows: "pd.DataFrame") -> str:
    """Return the name of a model that is no estimator's file.

    What an endpoint answers is part of its name: behind the same URL there may be another model
    tomorrow, or another policy before it, and figures that were kept are not its own then.
    """
    if config.model.reached_by == "http":
        model = config.model
        return key_of(
            url=model.url,
            protocol=model.protocol,
            served_as=model.served_as,
            version=model.version,
            classes=model.classes,
            outputs=model.outputs,
            settings=model.settings,
            said=_plain(target.answer(rows.head(3))),
        )
    if config.model.reached_by == "replay":
        return model_digest(config.base / (config.model.path or ""))
    return key_of(call=config.model.call, classes=config.model.classes)


def _sides(
    config: Config, columns: Sequence[str]
) -> "tuple[pd.DataFrame, pd.DataFrame, list[str]]":
    """Return both sides and the model's input columns, reading no column that is not needed."""
    from reticent.data import require_columns, split_members

    data = config.data
    chosen = data.features or columns or None
    wanted = None if chosen is None else [*chosen, data.target]
    if data.source is not None and data.member_column is not None:
        both = _read(config, data.source, None if wanted is None else [*wanted, data.member_column])
        members, non_members = split_members(both, data.member_column)
    else:
        members = _read(config, data.members or "", wanted)
        non_members = _read(config, data.non_members or "", wanted)
    if chosen is None and data.identifier is not None:
        # Misspelt, it would leave the true one among the inputs.
        require_columns(members.columns, [data.identifier], where="the members")
    aside = {data.target, data.identifier, data.member_column}
    features = list(chosen) if chosen else [c for c in members.columns if c not in aside]
    return members, non_members, features


def _read(config: Config, source: str, columns: Sequence[str] | None) -> "pd.DataFrame":
    from reticent.data import read_table

    wanted = None if columns is None else list(dict.fromkeys(columns))
    table: pd.DataFrame = read_table(source, columns=wanted, base=config.base)
    return table


def _auxiliary(config: Config, source: str, fields: Sequence[str]) -> "pd.DataFrame":
    from reticent.data import check_auxiliary

    table = _read(config, source, fields)
    check_auxiliary(table, columns=fields)
    missing = int(table[config.data.target].isna().sum())
    if missing:
        raise BadInput(
            f"{missing} rows of the auxiliary data have no {config.data.target!r}.",
            way_out="Leave out records without an outcome.",
        )
    return table


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


def _seed_secret(seed: int) -> bytes:
    return hashlib.sha256(b"reticent-secret-%d" % seed).digest()
