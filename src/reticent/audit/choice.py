"""Which attacks an audit runs, whatever its modality."""

from collections.abc import Collection, Iterable
from typing import Protocol

from reticent.audit.record import NotRun
from reticent.core import BadInput


class Choosing(Protocol):
    """What an experiment says of its attacks."""

    @property
    def attacks(self) -> tuple[str, ...]:
        """Names to run; empty, or "all", for all on the shelf."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Names not to run."""

    @property
    def declared(self) -> tuple[tuple[str, str], ...]:
        """(attack, policy) pairs of the confirmatory family."""


def chosen(
    experiment: Choosing,
    shelf: Collection[str],
    only: Iterable[str],
    *,
    on: str = "",
    beside: Collection[str] = (),
) -> set[str]:
    """Return the attacks to run.

    Args:
        experiment: its attacks, those that it excludes and those that it declares.
        shelf: names of the attacks that there are.
        only: names to run; empty for those that the experiment chose.
        on: what they are attacks on, as " on texts".
        beside: names that are known as well, though not on the shelf.

    Raises: BadInput for an attack that is not on the shelf.
    """
    asked = list(only) or [a for a in experiment.attacks if a != "all"] or list(shelf)
    declared = [attack for attack, _ in experiment.declared if attack != "all"]
    for name in [*asked, *experiment.exclude, *declared]:
        if name not in shelf and name not in beside:
            raise BadInput(
                f"There is no attack {name!r}{on}; the shelf holds {sorted(shelf)}.",
                way_out="See `reticent attacks`.",
            )
    return set(asked) - set(experiment.exclude)


def not_chosen(name: str) -> NotRun:
    """Return what is said of an attack that was left out."""
    return NotRun(what=name, why="Not chosen for this audit.", kind="not chosen")
