"""A Python function as the model."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from reticent.core import Answer, BadInput, Channel, Inputs, NotExposed, check_raw
from reticent.targets._raw import (
    CHUNK_ROWS,
    as_labels,
    as_scores,
    as_values,
    guarded,
    in_chunks,
    pick,
)

Returns = Literal["probabilities", "labels", "values"]


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FunctionTarget:
    """A function that takes rows and returns answers, so anything that Python reaches is a target.

    Attributes:
        function: takes a table if `columns` are declared, an array otherwise.
        returns: what comes back: (n, k) probabilities, (n,) class values, or (n,) values.
        classes: the class values in the order of the probabilities; none for values.
        columns: the table's columns in order, if it takes one.
        name: how messages call the model.
        chunk_rows: rows asked at a time.

    Raises: BadInput if classes are missing, repeated, or declared for values.
    """

    function: Callable[[Any], Any]
    returns: Returns
    classes: tuple[object, ...] = ()
    columns: tuple[str, ...] = ()
    name: str = "function"
    chunk_rows: int = CHUNK_ROWS

    def __post_init__(self) -> None:
        if self.returns not in {"probabilities", "labels", "values"}:
            raise BadInput(
                f"{self.name} is declared to return {self.returns!r}; it must be probabilities, "
                "labels or values.",
                way_out="Declare which of them it returns.",
            )
        if self.returns == "values":
            if self.classes:
                raise BadInput(
                    f"{self.name} returns values, and {len(self.classes)} classes are declared.",
                    way_out="Drop the classes, or declare probabilities or labels.",
                )
        elif len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise BadInput(
                f"{self.name} returns {self.returns}, with the classes {list(self.classes)!r}; "
                "two or more different ones are needed.",
                way_out="Declare every class, in the order of the probabilities.",
            )

    @property
    def channels(self) -> Channel:
        """Return the channels that the declared return offers."""
        if self.returns == "values":
            return Channel.VALUE
        if self.returns == "labels":
            return Channel.LABEL
        return Channel.LABEL | Channel.SCORES | Channel.TOP_K

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row; the label of probabilities is their argmax.

        Raises: BadAnswer if the function raised or returned something else than declared.
        """
        chosen = pick(x, self.columns, model=self.name)
        raw = in_chunks(self._ask, chosen, chunk_rows=self.chunk_rows)
        return check_raw(raw, questions=len(x), model=self.name)

    def weights(self) -> object:
        """Raise NotExposed: a function hands out no fitted model."""
        raise NotExposed(
            f"{self.name} is a function; it hands out no weights.",
            way_out="Audit the model file itself for white-box attacks.",
        )

    def _ask(self, x: Inputs) -> Answer:
        raw = guarded(lambda: self.function(x), model=self.name, asked=x)
        if self.returns == "values":
            return Answer(values=as_values(raw, model=self.name))
        if self.returns == "labels":
            return Answer(labels=as_labels(raw, self.classes, model=self.name))
        scores = as_scores(raw, classes=len(self.classes), model=self.name)
        return Answer(labels=scores.argmax(axis=1), scores=scores)


def load_function(spec: str, *, beside: Path | None = None) -> Callable[[Any], Any]:
    """Return the function that `package.module:function` names. Importing it runs its module.

    Args:
        spec: module and function, with dots in either part.
        beside: a folder to look for the module in as well, such as the current one; nothing but
            the ordinary import path if None.

    Raises: BadInput that says which part could not be found, and why.
    """
    module_name, colon, attribute = spec.partition(":")
    if not (colon and module_name and attribute):
        raise BadInput(
            f"{spec!r} names no function; package.module:function is the form.",
            way_out="Write the module, a colon and the function's name.",
        )
    with _also_from(beside):
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            where = f" or in {str(beside)!r}" if beside else ""
            raise BadInput(
                f"Module {error.name!r}, needed for {spec!r}, is not on the import path{where}.",
                way_out="Install it, or allow imports from the folder it is in.",
            ) from error
        except (Exception, SystemExit) as error:  # a module that exits must not end the audit
            said = (str(error).strip().splitlines() or ["no message"])[0][:300]
            raise BadInput(
                f"Importing {module_name!r} raised {type(error).__name__}: {said}",
                way_out="Make sure the module imports by itself.",
            ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise BadInput(
                f"{module_name!r} has no {attribute!r}.",
                way_out="Check the name after the colon.",
            )
        found = getattr(found, part)
    if not callable(found):
        raise BadInput(
            f"{spec!r} is a {type(found).__name__}, which cannot be called.",
            way_out="Name a function.",
        )
    return found  # type: ignore[no-any-return]  # it was imported by name


@contextmanager
def _also_from(folder: Path | None) -> Iterator[None]:
    if folder is None:
        yield
        return
    entry = str(folder.absolute())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)
