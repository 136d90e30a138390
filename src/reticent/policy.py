"""The output policy: read by the auditor and by the guard, owned by neither."""

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from reticent.core import Answer, BadPolicy, Channel, Inputs, canonical_rows
from reticent.defences import Defence, Keyed, defence_kinds
from reticent.defences.base import QuickDefence
from reticent.defences.bucket_usage import BucketUsage
from reticent.defences.pad_time import PadTime

ENCODING = "reticent-policy-v1"


@dataclass(frozen=True, slots=True)
class Policy:
    """An ordered, immutable chain of defences. It holds no secret."""

    defences: tuple[Defence, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "defences", tuple(self.defences))

    @property
    def digest(self) -> str:
        """Return the name of this exact policy: SHA-256 of its canonical encoding, in hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def exposes(self, channels: Channel) -> Channel:
        """Return what is left of `channels`; never more.

        Inner layers and explanations are shut by any step that changes answers: none knows how to
        make them say less too, and what is not known to be safe stays in.
        """
        if not all(isinstance(step, (PadTime, BucketUsage)) for step in self.defences):
            channels = channels & ~(Channel.INTERMEDIATE | Channel.EXPLANATION)
        return reduce(lambda open_, step: step.narrows(open_), self.defences, channels)

    @property
    def time_grid_s(self) -> float:
        """Return the grid that response times are padded to, in seconds; 0.0 for none."""
        grids_ms = [step.grid_ms for step in self.defences if isinstance(step, PadTime)]
        return max(grids_ms, default=0.0) / 1000

    @property
    def usage_step(self) -> int:
        """Return the multiple that token counts are rounded up to; 0 for none."""
        widest = 0
        for step in self.defences:
            if isinstance(step, BucketUsage):
                widest = max(widest, step.tokens)
        return widest

    def apply(self, answer: Answer, x: "Inputs | Sequence[Any]", *, secret: bytes = b"") -> Answer:
        """Return the answer to questions `x`, a table, an array or rows of cells. Pure."""
        known: list[list[bytes]] = []

        def rows() -> list[bytes]:
            if not known:
                known.append(canonical_rows(x))
            return known[0]

        for i, step in enumerate(self.defences):
            answer = step.apply(answer, Keyed(secret, rows, i))
        return answer

    @property
    def quick_steps(self) -> tuple[QuickDefence, ...] | None:
        """Return the steps if all of them can do without arrays where there are few scores."""
        steps = tuple(step for step in self.defences if isinstance(step, QuickDefence))
        return steps if len(steps) == len(self.defences) else None

    def to_list(self) -> list[dict[str, Any]]:
        """Return the chain as plain data: one mapping a defence, `kind` and its settings."""
        return [{"kind": d.kind, **_settings(d)} for d in self.defences]

    @classmethod
    def from_list(cls, steps: Sequence[Mapping[str, Any]]) -> "Policy":
        """Return the policy that `to_list` described.

        Raises: BadPolicy naming the step, the value and the rule.
        """
        if isinstance(steps, (str, bytes, Mapping)) or not isinstance(steps, Sequence):
            raise BadPolicy(
                f"The policy is {steps!r}; it must be a list of steps.",
                way_out='Write it as [{kind = "round", digits = 2}], or [] for no defence.',
            )
        return cls(tuple(read_step(i, step) for i, step in enumerate(steps)))

    def encode(self) -> bytes:
        """Return the canonical encoding: sorted JSON, ASCII, no spaces."""
        body = {"defences": self.to_list(), "encoding": ENCODING}
        return json.dumps(
            body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        ).encode("ascii")

    @classmethod
    def decode(cls, encoded: bytes) -> "Policy":
        """Return the policy that `encode` wrote.

        Raises: BadPolicy if the bytes are no policy of this version.
        """
        try:
            body = json.loads(encoded)
            version, steps = body.pop("encoding"), body.pop("defences")
            if body:
                raise ValueError(f"unknown entries {sorted(body)}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadPolicy(
                f"These {len(encoded)} bytes are no encoded policy ({error}).",
                way_out="Encode the policy again with Policy.encode().",
            ) from error
        if version != ENCODING:
            raise BadPolicy(
                f"The policy is encoded as {version!r}; this version reads {ENCODING!r}.",
                way_out="Use the version of Reticent that wrote it.",
            )
        return cls.from_list(steps)


def _settings(defence: Defence) -> dict[str, Any]:
    """Return a defence's settings as JSON has them: tuples as lists."""
    settings = dataclasses.asdict(defence)  # type: ignore[call-overload]  # every defence is one
    return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


def read_step(i: int, step: Mapping[str, Any]) -> Defence:
    """Return the defence that step `i` (from 0) of a policy describes.

    Raises: BadPolicy naming the step, the value and the rule.
    """
    kinds = defence_kinds()
    kind = step.get("kind") if isinstance(step, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise BadPolicy(
            f"Step {i + 1} of the policy has kind {kind!r}; it must be one of {sorted(kinds)}.",
            way_out=_did_you_mean(kind, kinds),
        )
    settings = {name: value for name, value in step.items() if name != "kind"}
    known = [f.name for f in dataclasses.fields(kinds[kind])]  # type: ignore[arg-type]  # as above
    for name in settings:
        if name not in known:
            raise BadPolicy(
                f"Step {i + 1} of the policy ({kind}) has no setting {name!r}; it has {known}.",
                way_out=_did_you_mean(name, known),
            )
    try:
        return kinds[kind](**settings)
    except (TypeError, ValueError) as error:
        raise BadPolicy(
            f"Step {i + 1} of the policy ({kind}): {_plain_words(error)}",
            way_out=f"Settings of {kind}: {', '.join(known) or 'none'}.",
        ) from error


def _did_you_mean(found: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(found), list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def _plain_words(error: Exception) -> str:
    """Return the error without Python's name for the constructor."""
    return str(error).split("__init__() ")[-1]
