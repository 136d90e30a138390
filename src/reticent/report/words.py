"""What codes mean, in plain words: the vocabulary of every report.

A name that is not listed (a plug-in's) is printed as it is.
"""

import re

from reticent.audit.record import Cell, Tier, Verdict
from reticent.report.format import one_line, percent

TIERS: dict[Tier, tuple[str, str]] = {
    "E3": ("content recovered", "Records or content were recovered, corrected by the control."),
    "E2": (
        "individuals exposed",
        "Somebody was picked on one split and confirmed on another, or the attack is right ten "
        "times as often as it is wrong where it is rarely wrong.",
    ),
    "E1": ("group gain", "The lower end of the interval lies above what no leakage would give."),
    "E?": (
        "inconclusive",
        "An effect as large as the tolerance could have been missed, or the attack failed.",
    ),
    "E0": (
        "tested, nothing found",
        "Nothing was found, and an effect as large as the tolerance would have been seen.",
    ),
}

EXIT_CODES = {
    0: "tested, nothing found at the stated power",
    1: "a finding",
    2: "inconclusive",
    3: "a control failed: the audit is invalid",
    4: "bad input or configuration (no record is written)",
}

VERDICTS: dict[Verdict, str] = {
    "finding": "Finding",
    "inconclusive": "Inconclusive",
    "invalid": "Invalid",
    "nothing found": "Nothing found",
}

FAMILIES = {
    "membership": "Membership inference",
    "range": "Range membership",
    "attribute": "Attribute inference",
    "record": "Record reconstruction",
    "chain": "Chains of attacks",
    "artefact": "Training rows kept in the model",
    "extraction": "Model extraction",
    "embedding": "Embedding inversion",
    "text": "Training text from language models",
    "reconstruction": "Pictures made of the model",
}

CLAIMS = {
    "membership": "who was in the training data",
    "range": "whether somebody of a given profile was in the training data",
    "attribute": "{attribute} of people in the training data",
    "record": "whole records of people in the training data",
    "chain": "step by step, more about people in the training data",
    "artefact": "training rows that the model keeps inside itself",
    "extraction": "how the model answers, well enough to copy it",
    "embedding": "the texts behind vectors",
    "text": "texts that the model was trained on, word for word, or that they were",
    "reconstruction": "what people in the training data look like",
}

_SUBJECTS = {"embedding": "texts", "text": "texts"}

ACCESSES = {
    "label": "anyone who may ask the model, even if it answers with the bare label",
    "value": "anyone who may ask the model and sees the predicted number",
    "top_k": "anyone who may ask the model and sees its top scores",
    "scores": "anyone who may ask the model and sees its scores",
    "logits": "anyone who may ask the model and sees its raw logits",
    "embedding": "anyone who gets hold of vectors and may ask the embedder",
    "tokens": "anyone who may have the model write",
    "logprobs": "anyone who may have the model write and sees its log-probabilities",
    "explanation": "anyone who may ask the model and sees its explanations",
    "intermediate": "anyone who may ask the model",
    "together": "anyone who sees every field of the model's answers",
    "copy": "anyone who gets hold of vectors and has a copy of the embedder",
    "weights": "anyone who holds the model file; no output policy can help there",
}

SEENS = {
    "nothing": "knowing only the person's other columns",
    "y": "knowing the person's other columns and true outcome",
    "label": "having seen the model's answer for the person",
    "scores": "having seen the model's full answer for the person",
    "vectors": "having seen the vectors, and nothing of the texts",
}

_OF_PICTURES = {
    "y": "knowing no more of each person than the class",
    "vectors": "having seen the vector of one photo of each person",
    "inner layer": "having seen an inner layer's output for one photo of each person",
}

NOT_RUN = {
    "not exposed": "not exposed: the policy or the model shuts the channel",
    "not enough knowledge": "not enough knowledge: the adversary lacks what the attack needs",
    "budget": "the query budget ran out",
    "failed": "failed",
    "not chosen": "not chosen in the configuration",
}

_METRICS = {
    "auc": "area under the ROC curve",
    "gain": "gain over imputation",
    "accuracy": "accuracy",
    "advantage": "advantage (TPR - FPR)",
    "epsilon_lower": "lower bound on epsilon",
    "imputation_accuracy": "accuracy of imputation without the model",
    "training_leak": "members minus non-members",
    "population_inference": "non-members minus imputation",
    "epsilon_lower_ceiling": "highest epsilon that so many people could show",
    "accuracy_of_prior": "accuracy of the prior without the model",
    "accuracy_of_imputation": "accuracy of imputation without the model",
    "members_minus_non_members": "members minus non-members",
    "ppv": "positive predictive value at the declared prior",
    "mae": "mean absolute error",
    "mae_before": "mean absolute error before",
    "mae_after": "mean absolute error after",
    "exact_matches": "share of records rebuilt exactly",
    "texts_read_gain": "texts read beyond the best rival",
    "texts_read": "share of texts read",
    "exact_match_gain": "texts word for word beyond the best rival",
    "exact_match": "share of texts found word for word",
    "token_f1": "token F1",
    "token_f1_of_nearest": "token F1 of the nearest own text",
    "token_f1_of_prior": "token F1 of the commonest words",
    "entity_recovery": "share of entities found",
    "entity_recovery_of_nearest": "share of entities in the nearest own text",
    "entity_recovery_of_prior": "share of entities among the commonest words",
    "exposure_bits": "mean exposure in bits",
    "exposure_over_never_planted_bits": "mean exposure beyond that of canaries never planted",
    "canaries_exposed_minus_never_planted": "canaries exposed minus those never planted",
    "canaries_given_away_minus_never_planted": "canaries given away minus those never planted",
    "recall_at_10": "nearest 10 that searches still find",
    "line_up": "right person first in the line-up",
    "line_up_2of3": "people whom two of three judges recognise",
    "line_up_first_5": "right person among the first five",
    "shown": "pictures that show the person",
    "genuine_photos_recognised": "genuine photos recognised",
    "precision_of_all_pictures": "people whom two of three judges recognise",
    "nearer_to_training_photos": "nearer to training photos than to other photos of the person",
    "ssim_to_nearest_training_photo": "SSIM to the nearest training photo",
}


def subjects(family: str) -> str:
    """Return what an audit counts: whom, or what, it needs more of to see more."""
    return _SUBJECTS.get(family, "people")


def metric(name: str) -> str:
    """Return a metric in words.

    >>> metric("tpr_at_fpr_0.001"), metric("precision[affair=yes]"), metric("my_metric")
    ('true-positive rate at 0.1 % false positives', 'precision for affair=yes', 'my metric')
    """
    name, _, of = name.partition("[")
    what = f" for {one_line(of.removesuffix(']'))}" if of else ""
    return _metric(name) + what


def _metric(name: str) -> str:
    rate = re.fullmatch(r"tpr_at_fpr_(\d+(?:\.\d+)?(?:e-?\d+)?)", name)
    if rate:
        return f"true-positive rate at {percent(float(rate[1]))} false positives"
    sure = re.fullmatch(r"precision_at_most_confident_(0?\.\d+)", name)
    if sure:
        return f"precision among the most confident {percent(float(sure[1]))}"
    return _METRICS.get(name, one_line(name).replace("_", " "))


def sentence(text: str) -> str:
    """Return a text with a capital first letter, the others as they are.

    >>> sentence("area under the ROC curve")
    'Area under the ROC curve'
    """
    return text[:1].upper() + text[1:]


def family(name: str) -> str:
    """Return a family of attacks in words."""
    return FAMILIES.get(name, one_line(name))


def learns(cell: Cell) -> str:
    """Return what an attack of this cell's kind learns."""
    attribute = f"“{one_line(cell.attribute)}”" if cell.attribute else "a hidden column"
    return CLAIMS.get(cell.family, one_line(cell.family)).replace("{attribute}", attribute)


def access(name: str, seen: str = "") -> str:
    """Return who has this access, having seen this."""
    if (name, seen) == ("weights", "vectors"):
        return ACCESSES["copy"]
    return ACCESSES.get(name, f"anyone with access to {one_line(name)}")


def seen(name: str, family: str = "") -> str:
    """Return what the adversary had seen."""
    if family == "reconstruction":
        return _OF_PICTURES.get(name, _OF_PICTURES["y"])
    return SEENS.get(name, f"having seen {one_line(name)}")


def seen_briefly(name: str, family: str = "") -> str:
    """Return what the adversary had seen, for a table.

    >>> seen_briefly("y", "attribute"), seen_briefly("y", "reconstruction")
    ('seen y', 'class known')
    """
    known = family == "reconstruction" and name == "y"
    return "class known" if known else f"seen {one_line(name)}"
