"""ONNX models through onnxruntime (the extra `onnx`)."""

import contextlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from reticent.core import (
    Answer,
    BadAnswer,
    BadInput,
    Channel,
    Floats,
    Inputs,
    NotExposed,
    check_raw,
)
from reticent.targets._onnx_classes import class_lists
from reticent.targets._raw import (
    CHUNK_ROWS,
    as_array,
    as_labels,
    as_scores,
    as_values,
    guarded,
    in_chunks,
    pick,
)

_NUMBERS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}
_FLOATS = frozenset({"tensor(float)", "tensor(double)"})


@final
@dataclass(frozen=True, slots=True, eq=False)
class OnnxTarget:
    """A model in an ONNX file.

    A label output (integers or text) makes it a classifier; its probabilities may be a tensor or
    a list of dicts (ZipMap). A single float output is a regressor's value if it is (n,) or (n, 1),
    and class probabilities if it is wider. Several inputs are asked by column name; a single
    tensor takes an array, or a table of numbers in the model's order.

    Attributes:
        path: the file.
        name: how messages call the model.
        declared: class values in the order of the probabilities; found in the file if empty.
        labels_only: for classifiers whose second output is margins, not probabilities.
        chunk_rows: rows asked at a time.
        answers: what its numbers are; logits are answered as the probabilities that they stand for.

    Raises: BadInput if onnxruntime is missing, or the file is no model that can be audited.
    """

    path: Path
    name: str = ""
    declared: tuple[object, ...] = ()
    labels_only: bool = False
    chunk_rows: int = CHUNK_ROWS
    answers: Literal["probabilities", "logits", "embedding"] = "probabilities"
    _session: Any = field(init=False, repr=False)
    _label: str | None = field(init=False, repr=False)
    _numbers: str | None = field(init=False, repr=False)
    _classes: tuple[object, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "path", Path(self.path))
        put(self, "name", self.name or self.path.name)
        put(self, "_session", _session(self.path))
        label, numbers = _outputs(self._session, self.name)
        if label is None and self.labels_only:
            raise BadInput(f"{self.name} has no label output.", way_out="Drop labels_only.")
        put(self, "_label", label)
        put(self, "_numbers", None if self.labels_only else numbers)
        named = () if self.answers == "embedding" else self.declared or self._found_classes()
        put(self, "_classes", named)
        for entry in self._session.get_inputs():
            if entry.type not in {*_NUMBERS, "tensor(string)"}:
                raise BadInput(
                    f"{self.name} takes {entry.type} as {entry.name!r}, which is not supported.",
                    way_out="Export it with float, integer, boolean or string tensors.",
                )
            if entry.shape and isinstance(entry.shape[0], int) and entry.shape[0] != 1:
                raise BadInput(
                    f"{self.name} takes exactly {entry.shape[0]} rows at a time.",
                    way_out="Export it with a free first dimension.",
                )

    def __reduce__(self) -> Any:
        # A session cannot cross to a worker process; the file can be opened there again.
        given = (
            *(self.path, self.name, self.declared, self.labels_only),
            *(self.chunk_rows, self.answers),
        )
        return OnnxTarget, given

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers; the graph's weights are not handed out."""
        if self.answers == "embedding":
            return Channel.EMBEDDING
        if not self._classes:
            return Channel.VALUE
        scored = Channel.SCORES | Channel.TOP_K
        return Channel.LABEL | scored if self._numbers else Channel.LABEL

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores; empty for a regressor."""
        return self._classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of several inputs; empty if there is a single tensor."""
        inputs = self._session.get_inputs()
        return tuple(entry.name for entry in inputs) if len(inputs) > 1 else ()

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row.

        Raises: BadAnswer if the model raised or answered nonsense; BadInput if a column is
        missing or does not fit the model's type.
        """
        chosen = pick(x, self.columns, model=self.name)
        fixed = any(isinstance(s, int) for s in (e.shape[0] for e in self._inputs() if e.shape))
        raw = in_chunks(self._ask, chosen, chunk_rows=1 if fixed else self.chunk_rows)
        return check_raw(raw, questions=len(x), model=self.name)

    @property
    def names_no_class(self) -> bool:
        """Return whether it answers with numbers alone, so that its classes are their places."""
        return self._label is None and not self.declared

    def numbers(self, x: Inputs) -> Floats:
        """Return what comes out beside labels, (n, k), as it is.

        Raises: BadAnswer if nothing does, or it is of another shape.
        """
        bare = replace(self, answers="embedding")
        told = bare.answer(x).embeddings
        return np.empty((len(x), 0)) if told is None else told

    def weights(self) -> object:
        """Raise NotExposed: white-box attacks read fitted estimators, not graphs."""
        raise NotExposed(
            f"{self.name} is an ONNX graph; its weights are not handed to attacks.",
            way_out="Audit the fitted estimator it was exported from.",
        )

    def _inputs(self) -> list[Any]:
        return list(self._session.get_inputs())

    def _ask(self, x: Inputs) -> Answer:
        if isinstance(x, np.ndarray):
            feeds = {self._inputs()[0].name: self._tensor(x, self._inputs()[0])}
        else:
            feeds = {
                entry.name: self._tensor(as_array(x[[entry.name]]), entry)
                for entry in self._inputs()
            }
        wanted = [output for output in (self._label, self._numbers) if output]
        told = dict(
            zip(
                wanted,
                guarded(lambda: self._session.run(wanted, feeds), model=self.name),
                strict=True,
            )
        )
        if self.answers == "embedding":
            return Answer(embeddings=np.asarray(told[self._numbers or ""], dtype=np.float64))
        if not self._classes:
            return Answer(values=as_values(told[wanted[0]], model=self.name))
        scores = None
        if self._numbers:
            raw = told[self._numbers]
            if isinstance(raw, list):
                raw = _unzipped(raw, self._classes, self.name)
            scores = as_scores(raw, classes=len(self._classes), model=self.name)
            if self.answers == "logits":
                e = np.exp(scores - scores.max(axis=1, keepdims=True))
                scores = e / e.sum(axis=1, keepdims=True)
        if self._label is None and scores is not None:
            return Answer(labels=scores.argmax(axis=1), scores=scores)
        labels = as_labels(told[self._label or ""], self._classes, model=self.name)
        return Answer(labels=labels, scores=scores)

    def _tensor(self, x: "np.ndarray[Any, Any]", entry: Any) -> "np.ndarray[Any, Any]":
        """Return the rows as the input wants them; nothing is rounded on the way."""
        width = entry.shape[1] if len(entry.shape or ()) == 2 else None
        if isinstance(width, int) and (x.ndim != 2 or x.shape[1] != width):
            raise BadInput(
                f"Rows of shape {x.shape[1:]} were asked of {self.name}, whose input "
                f"{entry.name!r} takes {width} columns.",
                way_out="Pass exactly the columns it was trained on, in their order.",
            )
        if len(entry.shape or ()) == 1:
            x = x[:, 0]
        if entry.type == "tensor(string)":
            return _texts(x, entry.name)
        wanted = _NUMBERS[entry.type]
        try:
            numbers = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError):
            raise BadInput(
                f"Input {entry.name!r} of {self.name} takes numbers and was given text.",
                way_out="Encode the column as it was encoded for training.",
            ) from None
        if entry.type in _FLOATS:
            return numbers.astype(wanted)
        if not (np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()):
            raise BadInput(
                f"Input {entry.name!r} of {self.name} takes whole numbers and was given others.",
                way_out="Impute missing values, or export the model with float inputs.",
            )
        return numbers.astype(wanted)

    def _found_classes(self) -> tuple[object, ...]:
        """Return the class values: from the graph, or 0..k-1 if labels are integers."""
        shapes = {entry.name: entry for entry in self._session.get_outputs()}
        number = shapes.get(self._numbers or "")
        width = number.shape[1] if number is not None and len(number.shape) == 2 else None
        if self._label is None:
            return tuple(range(width)) if isinstance(width, int) and width > 1 else ()
        with contextlib.suppress(IndexError, UnicodeDecodeError, OSError):
            # The last list belongs to the node nearest the output; inner models come before.
            for classes in reversed(class_lists(self.path.read_bytes())):
                fits = not isinstance(width, int) or len(classes) == width
                if fits and len(set(classes)) == len(classes):
                    return classes
        if shapes[self._label].type == "tensor(int64)" and isinstance(width, int):
            return tuple(range(width))
        raise BadInput(
            f"{self.name} answers with labels, and its file does not list the classes.",
            way_out="Declare the classes in the order of its probabilities.",
        )


def _session(path: Path) -> Any:
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise BadInput(
            f"{path} is an ONNX model, and onnxruntime is not installed.",
            way_out="Install it with: pip install 'reticent[onnx]'.",
        ) from error
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors share no base of their own
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{path} cannot be loaded as ONNX: {said}",
            way_out="It is truncated, or of another format or opset; export it again.",
        ) from error


def _outputs(session: Any, name: str) -> tuple[str | None, str | None]:
    """Return the label output and the one with probabilities (or a value)."""
    outputs = list(session.get_outputs())
    labels = [o.name for o in outputs if o.type in {"tensor(int64)", "tensor(string)"}]
    numbers = [o.name for o in outputs if o.type in _FLOATS or o.type.startswith("seq(map(")]
    if len(labels) > 1 or len(numbers) > 1 or not labels + numbers:
        listed = ", ".join(f"{o.name}: {o.type}" for o in outputs)
        raise BadInput(
            f"{name} has the outputs {listed}; a label, probabilities, both, or one value is "
            "needed.",
            way_out="Export the model with those outputs only.",
        )
    return (labels or [None])[0], (numbers or [None])[0]


def _unzipped(rows: list[Any], classes: tuple[object, ...], model: str) -> Any:
    try:
        return np.array([[row[c] for c in classes] for row in rows], dtype=np.float64)
    except (KeyError, TypeError) as error:
        raise BadAnswer(
            f"{model} answered without a probability for class {error}.",
            way_out="Declare the classes that it was trained on.",
        ) from error


def _texts(x: "np.ndarray[Any, Any]", column: str) -> "np.ndarray[Any, Any]":
    cells = x.astype(object)
    for cell in cells.ravel().tolist():
        if not isinstance(cell, str):
            raise BadInput(
                f"Input {column!r} takes text and was given {type(cell).__name__}.",
                way_out="Replace missing values by the text they had in training.",
            )
    return cells
