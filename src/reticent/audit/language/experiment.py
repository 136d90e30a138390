"""Everything that an audit of a language model needs before it asks its first question."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reticent.attacks.language import TextKnowledge
from reticent.audit.language.canary_list import CanaryList
from reticent.audit.language.grade import MATCHED, MEMBER, UNSEEN
from reticent.audit.language.nulls import matched
from reticent.core import BadInput, Channel, Column
from reticent.core.language import LanguageModel, Passage, cut
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_access import WRITTEN, TextAccess

LEAST_PASSAGES = 5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TextExperiment:
    """A language model, text it was trained on, text it never saw, an adversary and policies.

    Attributes:
        target: the model before any policy.
        owner: the named owner of the model.
        kind: how it is reached ("transformers", "gguf", "endpoint", ...).
        model_digest: name of the exact model, or of the endpoint.
        training: documents that it was trained on, whole, in its tokens: the truth.
        unseen: documents of the same kind that it never saw.
        prompt: tokens of a passage that the adversary gives.
        wanted: tokens that it hopes to get back.
        most_passages: passages under attack, and as many of each null, drawn with the seed.
        most_document: tokens of a piece of a document whose membership is in question.
        knowledge: reference models and public texts.
        canaries: secrets that were planted in the training text, and such as never were; the
            auditor's list, None for none.
        draws: n of (n, p)-discoverable extraction.
        success: p of it.
        policies: name -> policy; the first is in force.
        query_budget: texts that one attack may ask for.
        token_budget: tokens that one attack may send and receive.
        attacks: names to run; empty for all on the shelf.
        exclude: names not to run.
        declared: (attack, policy) pairs of the confirmatory family; "all" matches every name.
        tolerance: the effect size that matters, as a difference of proportions.
        confidence: of every interval.
        ppv_declared: precision from which individuals count as exposed.
        seed: of everything random.
        secret: key of the endpoint's noise.
        config_digest: name of the configuration.
        config_path: where it was read, as given.
        warnings: what was noticed while the data were read.
    """

    target: LanguageModel
    owner: str
    kind: str
    model_digest: str
    training: Sequence[Passage]
    unseen: Sequence[Passage]
    prompt: int = 50
    wanted: int = 50
    most_passages: int = 200
    most_document: int = 256
    knowledge: TextKnowledge = field(default_factory=TextKnowledge)
    canaries: CanaryList | None = None
    draws: int = 100
    success: float = 0.5
    policies: Mapping[str, Policy] = field(default_factory=lambda: {"open": Policy()})
    query_budget: int | None = None
    token_budget: int | None = None
    attacks: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = (("all", "all"),)
    tolerance: float = 0.05
    confidence: float = 0.95
    ppv_declared: float = 0.9
    seed: int = 0
    secret: bytes = b""
    config_digest: str = ""
    config_path: str | None = None
    warnings: tuple[str, ...] = ()

    def passages(self) -> tuple[list[Passage], Column]:
        """Return passages under attack and both nulls, and (n,) the group of each.

        Half of the unseen text is the plain null; the other half is what repetition is matched
        from.
        """
        rng = np.random.default_rng([self.seed, 9])
        mine = _drawn(self._cut(self.training), self.most_passages, rng)
        free = self._cut(self.unseen)
        free = [free[i] for i in rng.permutation(len(free))]
        plain = free[: min(self.most_passages, len(free) // 2)]
        alike = matched(mine, free[len(plain) :])
        groups = [MEMBER] * len(mine) + [UNSEEN] * len(plain) + [MATCHED] * len(alike)
        return [*mine, *plain, *alike], np.array(groups)

    def documents(self) -> tuple[list[Passage], Column]:
        """Return documents, long ones in pieces, and (n,) the group of each."""
        rng = np.random.default_rng([self.seed, 10])
        most = min(self.most_document, self.target.context)
        parts = [
            _drawn([piece for d in side for piece in _pieces(d, most)], self.most_passages, rng)
            for side in (self.training, self.unseen)
        ]
        groups = [MEMBER] * len(parts[0]) + [UNSEEN] * len(parts[1])
        return [*parts[0], *parts[1]], np.array(groups)

    def door(self, policy: str) -> TextAccess:
        """Return the adversary's door under one of the policies, with fresh ledgers."""
        return TextAccess(
            target=self.target,
            policy=self.policies[policy],
            ledger=QueryLedger(self.query_budget),
            token_ledger=QueryLedger(self.token_budget),
            identity="adversary",
            secret=self.secret,
        )

    def white_box(self) -> TextAccess:
        """Return the door of whoever holds the model: no policy stands before it."""
        return TextAccess(
            target=self.target,
            policy=Policy(),
            ledger=QueryLedger(self.query_budget),
            token_ledger=QueryLedger(self.token_budget),
            identity="adversary",
            exposed=WRITTEN | Channel.WEIGHTS,
        )

    @property
    def data_digest(self) -> str:
        """Return the name of all documents."""
        digest = hashlib.sha256()
        for side in (self.training, self.unseen):
            digest.update(b"|%d|" % len(side))
            for document in side:
                digest.update(b"%d:" % len(document) + document.tokens.tobytes())
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """Return the name of everything that the figures depend on, but not which attacks run."""
        from reticent.audit.store import key_of

        return key_of(
            model=self.model_digest,
            data=self.data_digest,
            references=[each.name for each in self.knowledge.references],
            public=self.knowledge.public is not None,
            canaries=None if self.canaries is None else self.canaries.digest,
            sizes=[self.prompt, self.wanted, self.most_passages, self.most_document],
            extraction=[self.draws, self.success],
            budgets=[self.query_budget, self.token_budget],
            statistics=[self.tolerance, self.confidence, self.ppv_declared],
            seed=self.seed,
            secret=hashlib.sha256(self.secret).hexdigest(),
        )

    def _cut(self, documents: Sequence[Passage]) -> list[Passage]:
        size = self.prompt + self.wanted
        return [
            passage
            for d in documents
            for passage in cut(
                d.tokens,
                prompt=self.prompt,
                wanted=self.wanted,
                stride=size,
                document=d.document,
            )
        ]


def check_experiment(experiment: TextExperiment) -> None:
    """Refuse what no honest audit can be made from.

    Raises: BadInput for too little text on either side, text that is on both, or passages beyond
        the model's context.
    """
    size = experiment.prompt + experiment.wanted
    if size > experiment.target.context:
        raise BadInput(
            f"A passage has {experiment.prompt} + {experiment.wanted} {experiment.target.unit}s; "
            f"{experiment.target.name} takes {experiment.target.context}.",
            way_out="Lower audit.prompt or audit.wanted.",
        )
    both = {d.tokens.tobytes() for d in experiment.training} & {
        d.tokens.tobytes() for d in experiment.unseen
    }
    if both:
        raise BadInput(
            f"{len(both)} documents are both trained on and unseen.",
            way_out="Take them out of data.unseen: a null that leaks hides a leak.",
        )
    check_lengths(
        map(len, experiment.training),
        map(len, experiment.unseen),
        size=size,
        most=experiment.most_passages,
        unit=experiment.target.unit,
    )
    if not Channel.TOKENS & experiment.target.channels:
        raise BadInput(f"{experiment.target.name} writes no text.", way_out="Audit one that does.")


def check_lengths(
    training: Iterable[int], unseen: Iterable[int], *, size: int, most: int, unit: str
) -> None:
    """Refuse documents that are too short for the passages; read no further than to be sure.

    Args:
        training: lengths of the documents that the model was trained on.
        unseen: lengths of those that it never saw; half of their passages are for matching.
        size: of a passage.
        most: passages under attack.
        unit: what lengths are counted in.

    Raises: BadInput for too few passages on either side.
    """
    for name, lengths, needed in (
        (MEMBER, training, LEAST_PASSAGES),
        (UNSEEN, unseen, 2 * LEAST_PASSAGES),
    ):
        whole = 0
        for length in lengths:
            whole += length // size
            if whole >= needed:
                break
        found = min(most, whole * LEAST_PASSAGES // needed)
        if found < LEAST_PASSAGES:
            raise BadInput(
                f"The {name} text has {found} passages of {size} {unit}s; at least "
                f"{LEAST_PASSAGES} are needed to say anything.",
                way_out="Give more text, or shorter passages (audit.prompt, audit.wanted).",
            )


def _pieces(document: Passage, most: int) -> list[Passage]:
    """Return a document in pieces of at most `most` tokens; a short rest stays with no piece."""
    starts = range(0, max(len(document) - most // 2, 1), most)
    cut_up = [document.tokens[i : i + most] for i in starts]
    return [
        Passage(tokens=ids, document=document.document, start=i)
        for i, ids in zip(starts, cut_up, strict=True)
        if len(ids) > 1
    ]


def _drawn(every: list[Passage], most: int, rng: np.random.Generator) -> list[Passage]:
    chosen = np.sort(rng.permutation(len(every))[:most])
    return [every[i] for i in chosen]
