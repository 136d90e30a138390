"""Which planted audits an attack of each family must pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reticent.access import QUERIED
from reticent.attacks.base import Attack
from reticent.core import NO_CHANNEL, Channel, Family, Seen
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.testing.planted import Planted, plant_membership
from reticent.testing.planted_explained import explained
from reticent.testing.planted_images import plant_images, plant_template
from reticent.testing.planted_models import plant_artefact, plant_extraction, plant_tree
from reticent.testing.planted_people import plant_attribute, plant_record
from reticent.testing.planted_range import plant_range
from reticent.testing.planted_texts import plant_texts

SHIFT_NATS = 3.0  # plain enough for any attack that works, through any channel
LARGE, SMALL = 240, 60  # candidates: for statistics, and for the laws that need none
REFERENCES = {LARGE: 16, SMALL: 6}
PEOPLE = {LARGE: 400, SMALL: 80}  # the adversary's own records


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way in: an audit with a planted leak, and the same audit without.

    Attributes:
        name: the family and the channel it leaks through.
        leaky: candidates, `LARGE` or `SMALL` -> the audit with the leak.
        silent: the same without.
    """

    name: str
    leaky: Callable[[int], Planted]
    silent: Callable[[int], Planted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What one adversary can reach."""

    name: str
    exposed: Channel
    policy: Policy = field(default_factory=Policy)
    regression: bool = False


OPENINGS = {
    Channel.LABEL: Opening(name="labels", exposed=Channel.LABEL),
    Channel.TOP_K: Opening(
        name="top 1", exposed=Channel.LABEL | Channel.TOP_K, policy=Policy((TopK(k=1),))
    ),
    Channel.SCORES: Opening(name="scores", exposed=QUERIED),
    Channel.VALUE: Opening(name="values", exposed=Channel.VALUE, regression=True),
    Channel.EMBEDDING: Opening(name="embeddings", exposed=Channel.EMBEDDING),
    Channel.EXPLANATION: Opening(name="explanations", exposed=Channel.LABEL | Channel.EXPLANATION),
}

BLIND = (
    Opening(name="nothing", exposed=NO_CHANNEL),
    Opening(name="nothing (regression)", exposed=NO_CHANNEL, regression=True),
)


def cases_for(attack: Attack) -> list[Case]:
    """Return a case for every channel that the attack says it accepts.

    A blind attack (a control that accepts none) gets every leak with all doors shut.

    Raises: ValueError if the family has no planted audit.
    """
    if attack.family is Family.EMBEDDING:
        return [_vectors()]
    if not attack.accepts:
        return [_queried(attack, opening) for opening in BLIND]
    found = list(_weights(attack)) if Channel.WEIGHTS & attack.accepts else []
    for channel, opening in OPENINGS.items():
        if channel & attack.accepts:
            found.append(_queried(attack, opening))
    if not found:
        raise ValueError(f"{attack.name} accepts no channel that a planted audit has")
    return found


def _queried(attack: Attack, opening: Opening) -> Case:
    plant = {
        Family.MEMBERSHIP: _membership,
        Family.RANGE: _range,
        Family.ATTRIBUTE: _attribute,
        Family.RECORD: _record,
        Family.CHAIN: _record,
        Family.EXTRACTION: _extraction,
        Family.RECONSTRUCTION: _images,
    }.get(attack.family)
    if plant is None:
        raise ValueError(f"no planted audit for {attack.family} through {opening.name}")
    return Case(
        name=f"{attack.family} through {opening.name}",
        leaky=lambda n: plant(opening, n, True).through(exposed=opening.exposed),
        silent=lambda n: plant(opening, n, False).through(exposed=opening.exposed),
    )


def _vectors() -> Case:
    return Case(
        name="texts through their vectors",
        leaky=lambda n: plant_texts(leak=True, seed=18, n=n, n_population=PEOPLE[n]),
        silent=lambda n: plant_texts(leak=False, seed=18, n=n, n_population=PEOPLE[n]),
    )


def _membership(opening: Opening, n: int, leak: bool) -> Planted:
    return plant_membership(
        shift_nats=SHIFT_NATS if leak else 0.0,
        seed=11,
        policy=opening.policy,
        n=n,
        m=REFERENCES[n],
        n_population=PEOPLE[n],
        regression=opening.regression,
        table=True,
    )


def _range(opening: Opening, n: int, leak: bool) -> Planted:
    return plant_range(
        shift_nats=SHIFT_NATS if leak else 0.0,
        seed=12,
        policy=opening.policy,
        n=n,
        m=REFERENCES[n] // 2,
        n_population=2 * PEOPLE[n],
        table=True,
        regression=opening.regression,
    )


def _attribute(opening: Opening, n: int, leak: bool) -> Planted:
    return plant_attribute(
        reveal=1.0 if leak else 0.0,
        seed=13,
        policy=opening.policy,
        seen=Seen.SCORES,
        n=n,
        n_population=PEOPLE[n],
        regression=opening.regression,
    )


def _record(opening: Opening, n: int, leak: bool) -> Planted:
    return plant_record(
        reveal=1.0 if leak else 0.0,
        seed=14,
        policy=opening.policy,
        n=n,
        n_population=PEOPLE[n],
        regression=opening.regression,
    )


def _extraction(opening: Opening, n: int, leak: bool) -> Planted:
    return plant_extraction(
        copyable=leak,
        seed=15,
        policy=opening.policy,
        n=n,
        n_population=2 * PEOPLE[n],
        regression=opening.regression,
        table=True,
    )


def _images(opening: Opening, n: int, leak: bool) -> Planted:
    if Channel.EMBEDDING is opening.exposed:
        return plant_template(leak=leak, seed=19, n=n)
    planted = plant_images(leak=leak, seed=18, policy=opening.policy, n=n, classes=_line_up(n))
    return explained(planted) if Channel.EXPLANATION & opening.exposed else planted


def _line_up(n: int) -> int:
    return 40 if n == LARGE else 10


def _weights(attack: Attack) -> Iterator[Case]:
    if attack.family is Family.ARTEFACT:
        for keeps in ("neighbours", "support vectors", "gaussian process"):
            yield Case(
                name=f"rows kept as {keeps}",
                leaky=lambda n, keeps=keeps: plant_artefact(keeps=keeps, seed=16, n=n),  # type: ignore[misc]  # a default binds the loop's value
                silent=lambda n: plant_artefact(keeps="nothing", seed=16, n=n),
            )
    elif attack.family is Family.ATTRIBUTE:
        yield Case(
            name="attribute from a tree's weights",
            leaky=lambda n: _tree(n, leak=True),
            silent=lambda n: _tree(n, leak=False),
        )
    elif attack.family is Family.RECONSTRUCTION and Channel.EMBEDDING & attack.accepts:
        yield Case(
            name="pictures from templates and the network's weights",
            leaky=lambda n: _templates(n, leak=True),
            silent=lambda n: _templates(n, leak=False),
        )
    elif attack.family is Family.RECONSTRUCTION:
        yield Case(
            name="pictures of classes from the weights",
            leaky=lambda n: _read(n, leak=True),
            silent=lambda n: _read(n, leak=False),
        )


def _tree(n: int, *, leak: bool) -> Planted:
    return plant_tree(leak=leak, seed=17, n=n).through(exposed=Channel.WEIGHTS)


def _read(n: int, *, leak: bool) -> Planted:
    weighed = Opening(name="weights", exposed=Channel.WEIGHTS)
    return _images(weighed, n, leak).through(exposed=weighed.exposed)


def _templates(n: int, *, leak: bool) -> Planted:
    exposed = Channel.WEIGHTS | Channel.EMBEDDING
    return plant_template(leak=leak, seed=19, n=n).through(exposed=exposed)
