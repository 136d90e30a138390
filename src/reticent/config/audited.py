"""What every audit's reticent.toml has: policies, what counts, and a place on disk."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from reticent.config.faults import Fault
from reticent.config.lines import Key, nearest
from reticent.config.values import Columns, Named, Proportion, Slug, broken
from reticent.policy import Policy


class Table(BaseModel):
    """A table of reticent.toml: no unknown keys, no guessed types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PolicyTable(Table):
    """A chain of output defences, audited under its name."""

    name: Slug = Field(description="Letters, digits, dot, dash and underscore.")
    defences: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = Field(
        default=(),
        description='In order, e.g. [{kind = "round", digits = 2}, {kind = "top_k", k = 1}].',
    )

    def policy(self) -> Policy:
        """Return the policy itself."""
        return Policy.from_list(self.defences)


class Declared(Table):
    """Confirmatory cells, declared before the audit."""

    attack: Named = Field(description="Name of an attack, or all.")
    policy: Named = Field(default="all", description="Name of a [[policy]], or all.")


def is_declared(family: Iterable[tuple[str, str]], attack: str, policy: str) -> bool:
    """Return whether a cell belongs to a family of (attack, policy); "all" matches every name."""
    return any(a in ("all", attack) and p in ("all", policy) for a, p in family)


class AuditTable(Table):
    """What is measured, how finely, and what counts."""

    attacks: Annotated[Columns, Field(min_length=1)] = Field(
        default=("all",), description='Names from "reticent attacks", or ["all"].'
    )
    exclude: Columns = Field(default=(), description="Names not to run.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="Of everything random."
    )
    tolerance: Proportion = Field(
        default=0.05, description="The effect size that matters, as a difference of proportions."
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1, allow_inf_nan=False)] = Field(
        default=0.95, description="Of every interval."
    )
    ppv_declared: Proportion = Field(
        default=0.9, description="Precision from which individuals count as exposed."
    )
    declared: Literal["all"] | Annotated[tuple[Declared, ...], Field(strict=False)] = Field(
        default="all",
        description='The confirmatory cells (Holm): "all", or a list of {attack, policy}; '
        "the others are exploratory (Benjamini-Hochberg).",
    )

    @property
    def family(self) -> tuple[tuple[str, str], ...]:
        """Return (attack, policy) of the confirmatory cells; "all" stands for every name."""
        if isinstance(self.declared, str):
            return (("all", "all"),)
        return tuple((one.attack, one.policy) for one in self.declared)

    def is_declared(self, attack: str, policy: str) -> bool:
        """Return whether a cell belongs to the family that was declared beforehand."""
        return is_declared(self.family, attack, policy)


class Placed(Table):
    """A configuration that knows the file it was read from and the lines of its keys."""

    _path: Path | None = PrivateAttr(None)
    _lines: Mapping[Key, int] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """Return the file that it was read from, as given; None if it came from plain data."""
        return self._path

    @property
    def base(self) -> Path:
        """Return the folder that relative paths start from."""
        return self._path.parent if self._path else Path()

    def line(self, *key: str | int) -> int:
        """Return the line where `key` stands, or where the nearest table around it does; from 1.

        For example `line("sensitive", 0)` or `line("policy", 1, "defences")`.
        """
        return nearest(self._lines, key)

    def written_in(self, path: Path, lines: Mapping[Key, int]) -> Self:
        """Return this configuration with the place where it was read."""
        placed = self.model_copy()
        placed._path, placed._lines = path, dict(lines)
        return placed


class Audited(Placed):
    """An audit, of whatever modality, as written in reticent.toml.

    A modality is a subclass with its own tables beside these, and says in `required` how each
    required key is supplied, in `folders` which keys may name a folder, in `faults_in` what must
    fit together and in `may_name` what it names on disk.
    """

    policy: Annotated[tuple[PolicyTable, ...], Field(strict=False, min_length=1)] = Field(
        default=(PolicyTable(name="open"),),
        description="One [[policy]] table a chain; the first is the one in force.",
    )

    required: ClassVar[Mapping[tuple[str, ...], str]] = {}
    folders: ClassVar[frozenset[Key]] = frozenset()
    unmeasured: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    @abstractmethod
    def faults_in(cls, doc: Mapping[str, Any]) -> list[Fault]:
        """Return every fault that no single value shows."""

    @property
    @abstractmethod
    def may_name(self) -> dict[Key, str | None]:
        """Return key -> file or folder that it names, None where it names none."""

    @property
    def files(self) -> dict[Key, str]:
        """Return key -> file or folder that it names, relative to the configuration."""
        return {key: source for key, source in self.may_name.items() if source is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = self.faults_in(self.model_dump(exclude_none=True))
        if faults:
            raise broken(" ".join(str(fault) for fault in faults))
        return self

    @property
    def policies(self) -> dict[str, Policy]:
        """Return name -> policy in order; the first is the one in force."""
        return {table.name: table.policy() for table in self.policy}

    @property
    def digest(self) -> str:
        """Return the name of this configuration: SHA-256 of its values, wherever it lies.

        Tables in `unmeasured` are left out: they change no figure.
        """
        values = self.model_dump(mode="json", exclude=set(self.unmeasured))
        body = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()
