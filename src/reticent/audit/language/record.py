"""Put an audit of a language model into the same record as every other audit."""

from reticent.audit.assembly import Known
from reticent.audit.language.experiment import TextExperiment
from reticent.audit.record import DataEntry, ModelEntry, PolicyEntry


def known_of(experiment: TextExperiment) -> Known:
    """Return what can be said before the first attack."""
    return Known(
        model=ModelEntry(
            name=experiment.target.name,
            owner=experiment.owner,
            kind=experiment.kind,
            task="text",
            digest=experiment.model_digest,
        ),
        data=DataEntry(
            digest=experiment.data_digest,
            n_members=len(experiment.training),
            n_non_members=len(experiment.unseen),
            n_auxiliary=0,
            columns=["text"],
            sensitive={},
            target=f"the next {experiment.target.unit}s of a text",
            warnings=[*experiment.warnings, *_preconditions(experiment)],
        ),
        policies=[
            PolicyEntry(name=name, digest=policy.digest, defences=policy.to_list())
            for name, policy in experiment.policies.items()
        ],
    )


def _preconditions(experiment: TextExperiment) -> list[str]:
    found: list[str] = []
    if not experiment.knowledge.references and experiment.knowledge.public is None:
        found.append(
            "Neither a reference model nor public texts are declared: text that everybody knows "
            "counts as a leak here."
        )
    if experiment.target.unit == "byte":
        found.append("The endpoint's tokens are not known: passages are counted in bytes.")
    if experiment.query_budget is None and experiment.token_budget is None:
        found.append("No budget is declared: an adversary may ask as often as it likes.")
    return found
