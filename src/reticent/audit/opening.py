"""Open a model that is no estimator's file: a function, a recorded query log, an endpoint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reticent.audit.store import key_of
from reticent.config import Config
from reticent.core import Answer, BadInput
from reticent.targets._raw import guarded
from reticent.targets.base import Target
from reticent.targets.files import model_digest

if TYPE_CHECKING:
    import pandas as pd

# Columns of a recorded query log that hold answers; all the others are inputs.
LOG_LABEL, LOG_VALUE, LOG_SCORE = "answer.label", "answer.value", "answer.score."


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
    from reticent.data import read_table
    from reticent.targets.function import FunctionTarget, load_function
    from reticent.targets.replay import ReplayTarget

    model, classes = config.model, tuple(config.model.classes or ())
    if model.reached_by == "replay":
        log = read_table(model.path or "", base=config.base)
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


def _outcomes(column: "pd.Series[Any]") -> tuple[object, ...]:
    """Return the class values that the data hold, in order."""
    return tuple(np.unique(column.dropna().to_numpy()).tolist())


def name_of(config: Config, target: Target, rows: "pd.DataFrame") -> str:
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


def _plain(answer: Answer) -> list[Any]:
    parts = (answer.labels, answer.scores, answer.values)
    return [None if part is None else np.nan_to_num(part, nan=-1.0).tolist() for part in parts]
