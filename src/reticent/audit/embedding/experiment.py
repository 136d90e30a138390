"""Everything that an audit of vectors needs before it asks its first question."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reticent.attacks import Knowledge, Reference
from reticent.core import BadInput, Channel, Domain, Population, as_texts
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.targets.base import Target

LEAST_TEXTS = 10


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EmbeddingExperiment:
    """An embedder, texts whose vectors may get out, an adversary and policies.

    Attributes:
        target: the embedder before any policy.
        owner: the named owner of the store or endpoint.
        kind: how the embedder is reached ("transformers", "static", "endpoint", ...).
        model_digest: name of the exact model, or of the endpoint.
        texts: the texts behind the vectors: the truth, and never shown to an attack.
        own: texts of the adversary's own, none of them among `texts`; a public corpus.
        entities: kind -> for each text what of this kind it holds, "" for nothing.
        template: how the texts were made, if the adversary knows; "" if not.
        slots: slot or kind of entity -> the values that the adversary knows it can take.
        public: an embedder that is not the target, for alignment; None if there is none.
        copy: whether the adversary has a copy of the embedder, without a policy, and may ask it as
            often as it likes. Against noise that is worth more than the endpoint.
        policies: name -> policy; the first is in force.
        query_budget: texts that one attack may ask the endpoint about.
        attacks: names to run; empty for all on the shelf.
        exclude: names not to run.
        declared: (attack, policy) pairs of the confirmatory family; "all" matches every name.
        tolerance: the effect size that matters, as a difference of proportions.
        confidence: of every interval.
        ppv_declared: share of right texts from which individuals count as exposed.
        seed: of everything random.
        secret: key of the endpoint's noise.
        config_digest: name of the configuration.
        config_path: where it was read, as given.
        warnings: what was noticed while the data were read.
    """

    target: Target
    owner: str
    kind: str
    model_digest: str
    texts: tuple[str, ...]
    own: tuple[str, ...] = ()
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    template: str = ""
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    public: Target | None = None
    copy: bool = True
    policies: Mapping[str, Policy] = field(default_factory=lambda: {"open": Policy()})
    query_budget: int | None = None
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

    @property
    def wanted(self) -> list[list[str]]:
        """Return, for each text, the entities in it; empty lists if none are declared."""
        columns = list(self.entities.values())
        return [[c[i] for c in columns if c[i]] for i in range(len(self.texts))] if columns else []

    @property
    def knowledge(self) -> Knowledge:
        """Return what the adversary owns beforehand."""
        own = len(self.own)
        references = []
        if self.public is not None:
            from reticent.access import Access

            door = Access(
                target=self.public, policy=Policy(), ledger=QueryLedger(), identity="public copy"
            )
            references = [Reference(access=door, contains=np.zeros(len(self.texts), dtype=bool))]
        return Knowledge(
            population=Population(x=as_texts(self.own), y=np.zeros(own, dtype=np.int64))
            if own
            else None,
            references=references,
            domains={
                slot: Domain(values=np.array(values, dtype=object))
                for slot, values in self.slots.items()
            },
            template=self.template,
        )

    @property
    def data_digest(self) -> str:
        """Return the name of all texts and of what is known of them."""
        digest = hashlib.sha256()
        parts = [self.texts, self.own, (self.template,)]
        parts += [(name, *values) for name, values in sorted(self.entities.items())]
        parts += [(name, *values) for name, values in sorted(self.slots.items())]
        for part in parts:
            digest.update(b"|%d|" % len(part))
            for text in part:
                raw = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(raw) + raw)
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """Return the name of everything that the figures depend on, but not which attacks run."""
        from reticent.audit.store import key_of

        return key_of(
            model=self.model_digest,
            data=self.data_digest,
            public=None if self.public is None else self.public.name,
            copy=self.copy,
            query_budget=self.query_budget,
            statistics=[self.tolerance, self.confidence, self.ppv_declared],
            seed=self.seed,
            secret=hashlib.sha256(self.secret).hexdigest(),
        )


def check_experiment(experiment: EmbeddingExperiment) -> None:
    """Refuse what no honest audit can be made from.

    Raises: BadInput for too few texts, a text without words, an own text that is under attack, or
        entities that are not aligned with the texts.
    """
    n = len(experiment.texts)
    if n < LEAST_TEXTS:
        raise BadInput(
            f"{n} texts are under attack; at least {LEAST_TEXTS} are needed to say anything.",
            way_out="Give more texts of the kind that the store holds.",
        )
    if not Channel.EMBEDDING & experiment.target.channels:
        raise BadInput(
            f"{experiment.target.name} answers without vectors.", way_out="Audit an embedder."
        )
    empty = [i for i, text in enumerate(experiment.texts) if not text.strip()]
    if empty:
        raise BadInput(
            f"Text {empty[0] + 1} is empty, and {len(empty) - 1} others.",
            way_out="Leave out rows without a text.",
        )
    both = set(experiment.texts) & set(experiment.own)
    if both:
        raise BadInput(
            f"{len(both)} of the {n} texts under attack are among the adversary's own.",
            way_out="Take them out of one of the two: what it owns it need not recover.",
        )
    for kind, values in experiment.entities.items():
        if len(values) != n:
            raise BadInput(
                f"{len(values)} entities {kind!r} are given for {n} texts.",
                way_out='Give one for each text, "" where it has none.',
            )
