"""Parts of answers: from the cells of a reply, and back into cells."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import numpy as np

from reticent.core import Answer, Floats, Ints
from reticent.core.answers import FEW
from reticent.core.few import Few
from reticent.protocols._body import bad_reply
from reticent.protocols.base import Interface

Meaning = Literal["label", "scores", "value", "embedding"]

#: How common servers call their outputs; `Interface.outputs` replaces them.
_LABELS = (
    "predict",
    "label",
    "output_label",
    "predicted_label",
    "labels",
    "class",
    "class_id",
    "class_ids",
)
_SCORES = (
    "predict_proba",
    "probabilities",
    "output_probability",
    "probability",
    "scores",
    "score",
)
_VALUES = ("predict", "value", "variable", "prediction", "score", "output")
_EMBEDDINGS = ("embedding", "embeddings", "sentence_embedding", "output")
_USUAL: Mapping[str, Mapping[str, str]] = {
    "classification": dict.fromkeys(_LABELS, "label") | dict.fromkeys(_SCORES, "scores"),
    "regression": dict.fromkeys(_VALUES, "value"),
    "embedding": dict.fromkeys(_EMBEDDINGS, "embedding"),
}
_ORDER = ("label", "scores", "value", "embedding")


def names_of(interface: Interface) -> Mapping[str, str]:
    """Return what the server's named outputs mean: as declared, or as is usual for the task."""
    return interface.outputs or _USUAL.get(interface.task, {})


def outputs_of(named: Mapping[str, Any], interface: Interface) -> dict[str, Any]:
    """Return the known ones of a server's named outputs: meaning -> what stands there.

    A policy may have left nothing but labels of an endpoint that declares scores alone; then they
    stand under a usual name.
    """
    found: dict[str, Any] = {}
    for name, meaning in names_of(interface).items():
        if name in named:
            found.setdefault(meaning, named[name])
    if not found and interface.task == "classification":
        name = name_of("label", interface)
        return {"label": named[name]} if name in named else {}
    return found


def name_of(meaning: str, interface: Interface) -> str:
    """Return the name under which an output is written."""
    for known in (interface.outputs, _USUAL.get(interface.task, {})):
        for name, its_meaning in known.items():
            if its_meaning == meaning:
                return name
    return meaning


def numbers(cells: Any) -> Floats:
    """Return numbers of any shape as float64, NaN for null.

    Raises: BadReply for what is no number, or lists of unequal length.
    """
    if isinstance(cells, np.ndarray) and cells.dtype == np.float64:
        return cells
    try:
        found = np.array(cells)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise bad_reply("it has lists of unequal length") from None
    if found.dtype.kind in "fiu":
        return found.astype(np.float64, copy=False)
    if found.dtype == object and all(
        each is None or type(each) in (int, float) for each in found.ravel().tolist()
    ):
        return found.astype(np.float64)
    raise bad_reply("it has something else where numbers belong")


def labels_of(cells: Any, n: int, interface: Interface) -> Ints:
    """Return (n,) class indices from class values, -1 for null.

    Raises: BadReply for another number of them, or a value that is no class.
    """
    if type(cells) is not list or len(cells) != n:
        raise bad_reply(f"{n} labels are needed")
    flat = [cell[0] if type(cell) is list and len(cell) == 1 else cell for cell in cells]
    if any(cell is not None and type(cell) not in (str, int, float, bool) for cell in flat):
        raise bad_reply("it has something else where a label belongs")
    if interface.classes:
        place: dict[object, int] = {value: i for i, value in enumerate(interface.classes)}
        place[None] = -1
        try:
            return np.array([place[cell] for cell in flat], dtype=np.int64)
        except KeyError:
            raise bad_reply(f"a label is none of the classes {list(interface.classes)!r}") from None
    whole = [-1 if cell is None else cell for cell in flat]
    if any(
        type(cell) in (str, bool) or cell != int(cell) or not -1 <= cell < 2**31 for cell in whole
    ) or any(cell is not None and cell < 0 for cell in flat):
        raise bad_reply("a label is no class index, and no classes are declared")
    return np.array(whole, dtype=np.int64)


def scores_of(cells: Any, n: int, interface: Interface) -> Floats:
    """Return (n, k) scores, NaN where null; the first class's are added where only one is given.

    Raises: BadReply for another shape.
    """
    found = numbers(cells)
    if _second_alone(interface):
        if found.size != n or len(found) != n:
            raise bad_reply(f"{n} probabilities of the second class are needed")
        second = found.reshape(n)
        return np.column_stack([1.0 - second, second])
    k = len(interface.classes) or (found.shape[1] if found.ndim == 2 else 0)
    if found.shape != (n, k) or k == 0:
        raise bad_reply(f"scores of shape {(n, k or 'classes')} are needed, not {found.shape}")
    return found


def vector(cells: Any, n: int) -> Floats:
    """Return (n,) values.

    Raises: BadReply for another shape.
    """
    found = numbers(cells)
    if found.shape not in ((n,), (n, 1)):
        raise bad_reply(f"{n} values are needed, not an array of shape {found.shape}")
    return found.reshape(n)


def assembled(found: Mapping[str, Any], n: int, interface: Interface) -> Answer:
    """Return the answer made of the parts that were found; meaning -> cells.

    Raises: BadReply if nothing was found, or a part does not fit.
    """
    if interface.task == "regression":
        if "value" in found:
            return Answer(values=vector(found["value"], n))
    elif interface.task == "embedding":
        if "embedding" in found:
            vectors = numbers(found["embedding"])
            if vectors.ndim != 2 or len(vectors) != n or not vectors.shape[1]:
                raise bad_reply(f"{n} embeddings are needed, not an array of shape {vectors.shape}")
            return Answer(embeddings=vectors)
    else:
        return _classified(found, n, interface)
    raise _nothing(interface)


def _classified(found: Mapping[str, Any], n: int, interface: Interface) -> Answer:
    scores = scores_of(found["scores"], n, interface) if "scores" in found else None
    labels = labels_of(found["label"], n, interface) if "label" in found else None
    if scores is not None:
        if labels is None:
            labels = derived(scores)
        elif labels.max(initial=-1) >= scores.shape[1]:
            raise bad_reply("a label is beyond the scores")
    if labels is None:
        raise _nothing(interface)
    return Answer(labels=labels, scores=scores)


def _nothing(interface: Interface) -> Exception:
    return bad_reply(
        f"it has none of the outputs {', '.join(names_of(interface)) or interface.task}"
    )


def derived(scores: Floats) -> Ints:
    """Return (n,) the class of the highest score that is shown, the first of equals; -1 if none."""
    if 0 < scores.size <= FEW:
        rows = scores.tolist()
        if all(sum(row) == sum(row) for row in rows):  # no NaN
            return np.array([row.index(max(row)) for row in rows], dtype=np.int64)
    withheld = np.isnan(scores)
    shown = np.where(withheld, -np.inf, scores) if withheld.any() else scores
    best: Ints = shown.argmax(axis=1)
    best[withheld.all(axis=1)] = -1
    return best


def label_cells(labels: Ints, interface: Interface) -> list[Any]:
    """Return class values, or indices where no classes are declared; null where abstained."""
    classes = interface.classes
    if classes:
        return [classes[i] if i >= 0 else None for i in labels.tolist()]
    return [i if i >= 0 else None for i in labels.tolist()]


def score_cells(scores: Floats, interface: Interface) -> Floats:
    """Return the scores as the server shapes them."""
    shown = scores[:, 1] if _second_alone(interface) else scores
    return clean(shown)


def clean(found: Floats) -> Floats:
    """Return numbers as they are written: contiguous, with one zero; NaN stays (null)."""
    return np.ascontiguousarray(found, dtype=np.float64) + 0.0


def _second_alone(interface: Interface) -> bool:
    return interface.settings.get("scores") == "second"


def written(answer: Answer, interface: Interface, wanted: Sequence[str] = ()) -> dict[str, Any]:
    """Return what is written of an answer, meaning -> cells, in one order.

    A label may have been derived from the scores; so it is written only if the server has a label
    output, or if it is all that is left.

    Args:
        answer: after the policy.
        interface: says which outputs the server has.
        wanted: meanings that the caller asked for; () for all that the server has.
    """
    asked = wanted or tuple(interface.outputs.values())
    parts: dict[str, Any] = {}
    shows_scores = answer.scores is not None and (not wanted or "scores" in wanted)
    if answer.labels is not None and (not shows_scores or "label" in asked):
        parts["label"] = label_cells(answer.labels, interface)
    if answer.scores is not None and shows_scores:
        parts["scores"] = score_cells(answer.scores, interface)
    if answer.values is not None:
        parts["value"] = clean(answer.values)
    if answer.embeddings is not None:
        parts["embedding"] = clean(answer.embeddings)
    return parts


def few_written(
    few: Few, interface: Interface, wanted: Sequence[str] = ()
) -> dict[str, tuple[list[int], list[Any]]]:
    """Return what `written` does of a few answers, meaning -> shape and cells in one row."""
    labels, scores = few
    parts: dict[str, tuple[list[int], list[Any]]] = {}
    shows_scores = scores is not None and (not wanted or "scores" in wanted)
    if labels is not None and (
        not shows_scores or "label" in (wanted or interface.outputs.values())
    ):
        classes = interface.classes
        cells = [(classes[i] if classes else i) if i >= 0 else None for i in labels]
        parts["label"] = ([len(cells), 1], cells)
    if scores is not None and shows_scores:
        flat_scores = [cell + 0.0 for row in scores for cell in row]
        parts["scores"] = ([len(scores), len(scores[0])], flat_scores)
    return parts


# Lists of predictions: TensorFlow Serving, KServe, MLflow, SageMaker, TorchServe --------------


def read_predictions(cells: Any, n: int, interface: Interface) -> Answer:
    """Return the answer in a list of one prediction a row: a number, a list, or named outputs.

    Raises: BadReply.
    """
    if type(cells) is not list or len(cells) != n:
        raise bad_reply(f"{n} predictions are needed")
    if type(cells[0]) is dict:
        return assembled(_columns(cells, interface), n, interface)
    return assembled({_meaning(cells, interface): cells}, n, interface)


def _meaning(cells: list[Any], interface: Interface) -> str:
    declared = set(interface.outputs.values())
    if len(declared) == 1 and "label" not in declared and "scores" not in declared:
        return next(iter(declared))
    if interface.task == "regression":
        return "value"
    if interface.task == "embedding":
        return "embedding"
    if _second_alone(interface) and any(_is_share(cell) for cell in cells):
        return "scores"
    rows = [cell for cell in cells if type(cell) is list]
    return "scores" if rows and len(rows[0]) != 1 else "label"


def _is_share(cell: Any) -> bool:
    return type(cell) is float or (type(cell) is list and len(cell) == 1)


def _columns(records: list[Any], interface: Interface) -> dict[str, Any]:
    """Return the known outputs of rows that name them."""
    names = set(records[0])
    if any(type(record) is not dict or set(record) != names for record in records):
        raise bad_reply("its rows have different outputs")
    chosen = outputs_of({name: name for name in names}, interface)
    return {m: [record[name] for record in records] for m, name in chosen.items()}


def predictions(answer: Answer, interface: Interface) -> Any:
    """Return an answer as a list of one prediction a row; named if several outputs are declared."""
    parts = written(answer, interface)
    if len(interface.outputs) > 1:
        names = [name_of(meaning, interface) for meaning in parts]
        columns = [
            cells.tolist() if isinstance(cells, np.ndarray) else cells for cells in parts.values()
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    # One list: the scores say all that an undeclared label says.
    return next((parts[m] for m in ("scores", "value", "embedding", "label") if m in parts), [])


def flat(cells: Any, depth: int = 4) -> list[Any]:
    """Return the leaves of nested lists, at most `depth` deep."""
    found = cells if type(cells) is list else [cells]
    for _ in range(depth):
        if list not in set(map(type, found)):
            break
        found = list(chain.from_iterable(c if type(c) is list else [c] for c in found))
    return found
