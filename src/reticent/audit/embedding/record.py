"""Put an audit of vectors into the same record as every other audit."""

import numpy as np

from reticent.audit.assembly import Known
from reticent.audit.embedding.experiment import EmbeddingExperiment
from reticent.audit.embedding.utility import recall_at_k
from reticent.audit.record import DataEntry, ModelEntry, PolicyEntry
from reticent.audit.show import figure_of
from reticent.core import Channel, as_texts

NEIGHBOURS = 10


def known_of(experiment: EmbeddingExperiment) -> Known:
    """Return what can be said before the first attack; asks the embedder about every text."""
    return Known(
        model=ModelEntry(
            name=experiment.target.name,
            owner=experiment.owner,
            kind=experiment.kind,
            task="embedding",
            digest=experiment.model_digest,
        ),
        data=DataEntry(
            digest=experiment.data_digest,
            n_members=len(experiment.texts),
            n_non_members=0,
            n_auxiliary=len(experiment.own),
            columns=["text"],
            sensitive={},
            target="the text behind a vector",
            warnings=[*experiment.warnings, *_preconditions(experiment)],
        ),
        policies=_policies(experiment),
    )


def _preconditions(experiment: EmbeddingExperiment) -> list[str]:
    found: list[str] = []
    if not experiment.own:
        found.append(
            "The adversary has no texts of its own, so that attacks that learn from some were not "
            "run; a public corpus of the same kind makes it stronger."
        )
    if not experiment.template:
        found.append("No template is declared: an adversary who knows one finds whole records.")
    if experiment.query_budget is None:
        found.append("No query budget is declared: an adversary may ask as often as it likes.")
    return found


def _policies(experiment: EmbeddingExperiment) -> list[PolicyEntry]:
    """Return every policy with what searches under it still find."""
    queries, corpus = as_texts(experiment.texts), as_texts(experiment.own or experiment.texts)
    entries = []
    for name, policy in experiment.policies.items():
        figures = []
        if Channel.EMBEDDING & policy.exposes(Channel.EMBEDDING):
            bare, guarded = [], []
            for x in (queries, corpus):
                raw = experiment.target.answer(x)
                after = policy.apply(raw, x, secret=experiment.secret)
                bare.append(np.asarray(raw.embeddings))
                guarded.append(np.asarray(after.embeddings))
            figures = [
                figure_of(
                    recall_at_k(
                        (bare[0], bare[1]),
                        (guarded[0], guarded[1]),
                        k=min(NEIGHBOURS, len(corpus)),
                        confidence=experiment.confidence,
                        rng=np.random.default_rng([experiment.seed, 7]),
                    )
                )
            ]
        entries.append(
            PolicyEntry(name=name, digest=policy.digest, defences=policy.to_list(), utility=figures)
        )
    return entries
