"""What matters most: the order of findings, and what each policy leaves of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from reticent.audit.record import Cell, Figure, PolicyEntry, Record, Tier, Verdict
from reticent.report import words

TIER_ORDER: tuple[Tier, ...] = ("E3", "E2", "E1", "E?", "E0")
"""From the worst to the best."""
_HARMS = ("none", "low", "moderate", "medium", "high", "severe", "critical")
_ERRORS = ("mae", "rmse", "mse", "error", "log_loss")
_REACH = (
    *("label", "value", "top_k", "scores", "logits"),
    *("explanation", "intermediate", "together", "embedding", "weights"),
)


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """What one policy leaves, and at what cost.

    Attributes:
        entry: the policy.
        verdicts: verdict -> how many of its cells have it.
        tier: the worst tier of its cells; None if it has none.
        loss: utility lost; None if the record does not tell.
        before: utility without the policy, if the record tells.
        after: utility with it.
    """

    entry: PolicyEntry
    verdicts: dict[Verdict, int]
    tier: Tier | None
    loss: float | None
    before: Figure | None
    after: Figure | None


def severity(cell: Cell) -> tuple[int, int, int, float]:
    """Return a key that sorts the worst cell first: tier, harm class, reachability, size."""
    harm = (cell.harm or "").lower()
    lower, null = cell.primary.lower, cell.primary.null
    return (
        TIER_ORDER.index(cell.tier),
        -_HARMS.index(harm) if harm in _HARMS else 0,
        _REACH.index(cell.access) if cell.access in _REACH else len(_REACH),
        -(lower - (null or 0.0)) if lower is not None else 0.0,
    )


def top_finding(record: Record) -> Cell | None:
    """Return the finding that matters most.

    By tier, then by declared harm, then by size beyond what no leakage would give. How easily it
    is reached decides only between equals: the strongest evidence comes first.
    """
    findings = [cell for cell in record.cells if is_finding(cell)]

    def key(cell: Cell) -> tuple[int, int, float, int]:
        tier, harm, reach, size = severity(cell)
        return tier, harm, size, reach

    return min(findings, key=key, default=None)


def is_finding(cell: Cell) -> bool:
    """Return whether a cell counts as a finding about people.

    How well a model can be copied is told apart (A16): it says nothing of anybody's data.
    """
    return cell.verdict == "finding" and cell.family != "extraction"


def policy_line(record: Record, entry: PolicyEntry) -> PolicyLine:
    """Return what one policy leaves, and at what cost."""
    cells = [cell for cell in record.cells if cell.policy == entry.name]
    verdicts: dict[Verdict, int] = {
        verdict: sum(cell.verdict == verdict for cell in cells) for verdict in words.VERDICTS
    }
    tier = next((t for t in TIER_ORDER if any(cell.tier == t for cell in cells)), None)
    before, after = utility(entry)
    loss = None
    if before and after and before.estimate is not None and after.estimate is not None:
        loss = before.estimate - after.estimate
        # An error grows as utility falls.
        loss = -loss if before.metric.startswith(_ERRORS) else loss
    return PolicyLine(entry, verdicts, tier, loss, before, after)


def utility(entry: PolicyEntry) -> tuple[Figure | None, Figure | None]:
    """Return the utility before and after a policy, if the record tells it."""
    for before in entry.utility:
        if not before.metric.endswith("_before"):
            continue
        stem = before.metric.removesuffix("_before")
        for after in entry.utility:
            if after.metric == f"{stem}_after":
                return before, after
    return None, None


def counterparts(record: Record, cell: Cell, policy: str) -> list[Cell]:
    """Return the cells under another policy that are after the same thing."""
    return [
        other
        for other in record.cells
        if other.policy == policy
        and (other.family, other.attribute, other.subgroup)
        == (cell.family, cell.attribute, cell.subgroup)
    ]


def is_file(cell: Cell) -> bool:
    """Return whether a finding was made in the model file itself."""
    # A stored vector got out through a policy, even if its network is in hand.
    return is_finding(cell) and cell.access == "weights" and cell.seen != "vectors"


def clears(cells: Sequence[Cell], policy: str) -> bool:
    """Return whether a policy has cells and each of them found nothing at its power.

    What the model file gives away is no policy's doing and is told apart.
    """
    verdicts = {
        cell.verdict
        for cell in cells
        if cell.policy == policy and cell.family != "extraction" and not is_file(cell)
    }
    return verdicts == {"nothing found"}
