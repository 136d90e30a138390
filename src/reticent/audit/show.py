"""Put what was measured into the record's plain data, with the formula that explains it."""

from reticent.audit.record import Figure
from reticent.core import Leakage

# Metric name up to its first bracket -> how the estimate follows from the counts.
FORMULAS = {
    "auc": "P(score of a member > score of a non-member) + P(equal) / 2, over all pairs",
    "tpr_at_fpr": "members above the threshold / members, the threshold being the lowest at which "
    "non-members above it / non-members <= the stated rate",
    "gain": "(people only the attack is right about - people only the best guesser without the "
    "model is right about) / people",
    "accuracy": "people guessed right / people",
    "members_minus_non_members": "rate among members - rate among non-members",
    "members_found_minus_non_members_found": "share of members whose row was read out of the "
    "model - the same share of non-members",
    "non_members_minus": "(non-members only the attack is right about - non-members only the "
    "guesser without the model is right about) / non-members",
    "epsilon_lower": "ln((TPR lower end - delta) / FPR upper end), threshold chosen on the other "
    "half",
    "ppv": "prior TPR / (prior TPR + (1 - prior) FPR), on the second half",
    "precision": "people who have the value among those guessed to have it",
    "recall": "people guessed to have the value among those who have it",
    "near_match_rate": "records with every hidden column right (equal, or within the tolerance) / "
    "records",
    "exact_match_rate": "records with every hidden column equal / records",
    "exact_match_members_minus_non_members": "share of members rebuilt to the last digit - the "
    "same share of non-members",
    "fidelity": "answers on which the copy agrees with the model / answers, on people neither "
    "was fitted to",
    "token_f1": "mean over texts of 2 shared words / (words claimed + words there), repeats "
    "counted",
    "texts_read": "texts with token F1 >= 1/2, or with every declared entity, / texts",
    "exact_match": "texts with the same words in the same order / texts",
    "entity_recovery": "entities whose words stand together in the claim / entities",
    "recall_at": "of the nearest texts that a search of the bare vectors gives, those that it "
    "gives under the policy",
    "texts_read_gain": "(texts that only the attack reads - texts that only the best rival reads) "
    "/ texts",
    "exact_match_gain": "(texts only the attack finds word for word - texts only the best rival "
    "does) / texts",
    "rows_found": "people whose row was read out of the model / people",
}


def formula_for(metric: str) -> str:
    """Return how a metric follows from its counts, in words; empty for an unknown metric.

    >>> formula_for("accuracy_of_prior")
    'people guessed right / people'
    """
    plain = metric.split("[", 1)[0]
    fits = [name for name in FORMULAS if plain.startswith(name)]
    return FORMULAS[max(fits, key=len)] if fits else ""


def figure_of(leakage: Leakage) -> Figure:
    """Return an estimate as plain data, with its formula."""
    return Figure(
        metric=leakage.metric,
        estimate=_number(leakage.estimate),
        lower=_number(leakage.lower),
        upper=_number(leakage.upper),
        confidence=leakage.confidence,
        method=leakage.method,
        null=leakage.null,
        n_members=leakage.n_members,
        n_non_members=leakage.n_non_members,
        counts={name: float(value) for name, value in leakage.counts.items()},
        formula=formula_for(leakage.metric),
    )


def figure_or_none(leakage: Leakage | None) -> Figure | None:
    """Return the same, or None for None."""
    return None if leakage is None else figure_of(leakage)


def _number(value: float | None) -> float | None:
    """Return a plain float that JSON can carry; infinity and NaN are no data."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(value)
