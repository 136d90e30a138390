"""Everything that an audit of a model of pictures needs before it asks its first question."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reticent.core import (
    BadInput,
    Candidates,
    Channel,
    Floats,
    ImageSpace,
    Ints,
    Population,
)
from reticent.policy import Policy
from reticent.targets.base import Target

ANSWERING = Channel.LABEL | Channel.TOP_K | Channel.SCORES


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Photos:
    """Photos and who is on them.

    Attributes:
        x: (n, *shape), values in [0, 1].
        who: (n,) class index; for the adversary's public pictures a number of its own.
    """

    x: Floats
    who: Ints

    def __len__(self) -> int:
        return len(self.x)

    def of(self, person: int) -> Floats:
        """Return one person's photos, (n, *shape)."""
        return np.asarray(self.x[self.who == person], dtype=np.float64)


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recipe:
    """How the owner trains such a model.

    Attributes:
        train: (x, y, seed) -> a torch module or an estimator with `predict_proba`. `x` is float32
            as the model takes pictures, `y` (n,) class indices in the order of its answers.
        name: how messages call the function.
        answers: what comes out of a module: "logits", "probabilities" or "embedding".
    """

    train: Callable[[NDArray[np.float32], Ints, int], Any]
    name: str
    answers: Any = "logits"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ImageExperiment:
    """A model of pictures, the people in it, its adversary and its policies.

    Attributes:
        target: the model before any policy: a classifier, or an embedder, which answers with
            vectors.
        space: the shape and range of its pictures.
        owner: the named owner of the model.
        kind: how the model is reached ("sklearn", "onnx", "torch", ...).
        model_digest: name of the exact model.
        training: photos that the model was trained on: the truth, and never shown to an attack.
        held_out: photos of the same people that it was not trained on: the judges'.
        public: the adversary's pictures of other people; None if it has none.
        enrolled: (k,) the people of an embedder, which has no classes of its own.
        names: (k,) how reports call each class; None for pseudonyms.
        exposed: channels that callers can reach.
        policies: name -> policy; the first is in force.
        judges: names of the judges; those that decide come first, three of them.
        wanted: class indices under attack; all of them if empty.
        query_budget: pictures that one attack may ask about, all classes together.
        attacks: names to run; empty for all on the shelf.
        exclude: names not to run.
        declared: (attack, policy) pairs of the confirmatory family; "all" matches every name.
        twin_models: whether models are trained without some of the people, as a control.
        recipe: how the owner trains such a model, for twins; None if only the estimator's own
            `fit` could.
        tolerance: the effect size that matters, as a difference of proportions.
        confidence: of every interval.
        ppv_declared: share of right pictures from which individuals count as exposed.
        seed: of everything random.
        secret: key of the endpoint's noise and of the pseudonyms.
        config_digest: name of the configuration.
        config_path: where it was read, as given.
        warnings: what was noticed while the data were read.
    """

    target: Target
    space: ImageSpace
    owner: str
    kind: str
    model_digest: str
    training: Photos
    held_out: Photos
    public: Photos | None = None
    enrolled: tuple[object, ...] = ()
    names: tuple[str, ...] | None = None
    exposed: Channel = ANSWERING
    policies: Mapping[str, Policy] = field(default_factory=lambda: {"open": Policy()})
    judges: tuple[str, ...] = ("network", "lda", "gradients")
    wanted: tuple[int, ...] = ()
    query_budget: int | None = None
    attacks: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = (("all", "all"),)
    twin_models: bool = True
    recipe: Recipe | None = None
    tolerance: float = 0.05
    confidence: float = 0.95
    ppv_declared: float = 0.9
    seed: int = 0
    secret: bytes = b""
    config_digest: str = ""
    config_path: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Return the people in the line-up: the model's classes, or who is enrolled."""
        return len(self.classes)

    @property
    def classes(self) -> tuple[object, ...]:
        """Return (k,) the people in order."""
        return self.target.classes or self.enrolled

    @property
    def embeds(self) -> bool:
        """Return whether the model answers with vectors."""
        return bool(Channel.EMBEDDING & self.target.channels)

    @property
    def victims(self) -> Floats:
        """Return (m, *shape) the first training photo of each person under attack.

        What an adversary may have seen of it is its stored vector, or an inner layer's output.
        """
        first = [int(np.flatnonzero(self.training.who == i)[0]) for i in self.people]
        return np.asarray(self.training.x[first], dtype=np.float64)

    @property
    def people(self) -> Ints:
        """Return (m,) the class indices under attack."""
        return np.array(self.wanted or range(self.k), dtype=np.int64)

    @property
    def candidates(self) -> Candidates:
        """Return what the adversary is told of the people under attack: their classes."""
        people = self.people
        return Candidates(x=np.empty((len(people), 0)), y=people)

    @property
    def population(self) -> Population | None:
        """Return the adversary's own pictures as the model takes them."""
        if self.public is None:
            return None
        return Population(x=self.space.inputs(self.public.x), y=self.public.who)

    @property
    def mean_picture(self) -> Floats:
        """Return the picture of nobody, (*shape): what one has without the model."""
        photos = self.held_out if self.public is None else self.public
        return np.asarray(photos.x.mean(axis=0), dtype=np.float64)

    def called(self, person: int) -> str:
        """Return how reports call a class: its name, or a pseudonym."""
        if self.names is not None:
            return self.names[person]
        who = str(self.classes[person]).encode()
        return "p-" + hmac.digest(self.secret + b"pseudonym", who, hashlib.sha256).hex()[:12]

    @property
    def data_digest(self) -> str:
        """Return the name of all photos."""
        digest = hashlib.sha256()
        for photos in (self.training, self.held_out, self.public):
            digest.update(b"|")
            if photos is not None:
                digest.update(repr(photos.x.shape).encode())
                digest.update(np.ascontiguousarray(photos.x).tobytes())
                digest.update(np.ascontiguousarray(photos.who).tobytes())
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """Return the name of everything that the figures depend on, but not which attacks run."""
        from reticent.audit.store import key_of

        return key_of(
            model=self.model_digest,
            data=self.data_digest,
            space=[self.space.shape, self.space.low, self.space.high, self.space.flat],
            exposed=self.exposed.value,
            beside=[getattr(self.target, name, "") for name in ("explainer", "layer")],
            judges=self.judges,
            wanted=self.people.tolist(),
            query_budget=self.query_budget,
            statistics=[self.tolerance, self.confidence, self.ppv_declared],
            seed=self.seed,
            secret=hashlib.sha256(self.secret).hexdigest(),
        )


def check_experiment(experiment: ImageExperiment) -> None:
    """Refuse what no honest audit can be made from.

    Raises: BadInput for a model without classes, too few people, a person without photos, photos
        of another shape.
    """
    k = experiment.k
    if k < 2:
        raise BadInput(
            f"There are {k} people; a line-up takes at least two.",
            way_out="Audit a classifier whose classes are people (or digits, or any such thing), "
            "or an embedder with photos of several.",
        )
    for name, photos in (("training", experiment.training), ("held-out", experiment.held_out)):
        lonely = sorted(set(range(k)) - set(photos.who.tolist()))
        if lonely:
            said = ", ".join(repr(experiment.classes[i]) for i in lonely[:8])
            raise BadInput(
                f"{len(lonely)} of the model's {k} classes have no {name} photo: {said}.",
                way_out=f"Add {name} photos of each class: a folder, or rows of the array file.",
            )
    for name, some in (
        ("training", experiment.training),
        ("held-out", experiment.held_out),
        ("public", experiment.public),
    ):
        if some is not None and some.x.shape[1:] != experiment.space.shape:
            raise BadInput(
                f"The {name} photos are {some.x.shape[1:]}, the model takes "
                f"{experiment.space.shape}.",
                way_out="Give all pictures in the size and with the colours that the model takes.",
            )
