"""Grade claims about texts: how many come back, and how many would anyway?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import fisher_exact, mannwhitneyu

from reticent.audit.grade.base import Graded, Reach
from reticent.core import BadInput, Bools, Column, Ints, Leakage
from reticent.core.language import TextClaim, extractable
from reticent.stats.differences import difference
from reticent.stats.intervals import proportion
from reticent.stats.roc import auc, tpr_at_fpr

MEMBER, UNSEEN, MATCHED = "member", "unseen", "matched"
GROUPS = (MEMBER, UNSEEN, MATCHED)
LOW_FPR = 0.01


def grade_passages(
    claim: TextClaim, group: Column, *, draws: int, success: float, confidence: float
) -> Graded:
    """Join a claim about passages to the truth.

    Extraction hangs on the rate among members less that of unseen text that repeats as much (of
    any unseen text where there is none matched); what the public knows counts as not extracted,
    and the uncorrected rates stand beside. Membership hangs on the area under the ROC curve.

    Args:
        claim: about passages.
        group: (n,) of each passage, one of `GROUPS`.
        draws: n of (n, p)-discoverable extraction.
        success: p of it.
        confidence: of every interval.

    Raises: BadInput for a group that is none.
    """
    strange = sorted(set(group.tolist()) - set(GROUPS))
    if strange:
        raise BadInput(f"There is no group {strange[0]!r}.", way_out=f"Groups: {list(GROUPS)}.")
    area = auc(claim.scores[group == MEMBER], claim.scores[group != MEMBER], confidence=confidence)
    back = _given_back(claim, draws, success)
    if not back:
        return _membership(claim, group, area, confidence)
    null = MATCHED if (group == MATCHED).any() else UNSEEN
    hidden = np.ones(len(group), dtype=bool) if claim.public is None else ~claim.public
    rates = [
        rate
        for name, hits in back.items()
        for label, counted in _labelled(name, hits, hidden, claim.public is not None)
        for rate in _rates(label, counted, group, confidence)
    ]
    name, hits = next(iter(back.items()))
    counted = hits & hidden
    leak = difference(
        int(counted[group == MEMBER].sum()),
        int((group == MEMBER).sum()),
        int(counted[group == null].sum()),
        int((group == null).sum()),
        metric=f"{name}_minus_{null}",
        confidence=confidence,
    )
    return Graded(
        primary=leak,
        training_leak=leak,
        figures=(*rates, area),
        p_value=_fisher(counted, group, null),
        reach=Reach(
            kind="difference", n=int((group == MEMBER).sum()), n_other=int((group == null).sum())
        ),
        content=leak,
        arrays={"right": counted, "scores": claim.scores},
    )


def grade_written(
    claim: TextClaim,
    corpus: Sequence[Ints],
    control: Sequence[Ints],
    *,
    least: int,
    confidence: float,
) -> Graded:
    """Join texts that a model wrote to the truth.

    A text counts if `least` tokens in a row stand in the training corpus, unless the public knows
    it; the control is as much text that the model never saw.

    Args:
        claim: about written texts.
        corpus: ids of the training documents.
        control: ids of documents that were never trained on.
        least: tokens in a row.
        confidence: of every interval.
    """
    written = claim.written or ()
    inside = _holding(written, corpus, least)
    outside = _holding(written, control, least)
    hidden = np.ones(len(written), dtype=bool) if claim.public is None else ~claim.public
    n = len(written)

    def rate(hits: Bools, metric: str, *, members: bool) -> Leakage:
        return proportion(int(hits.sum()), n, metric=metric, confidence=confidence, members=members)

    leak = difference(
        int((inside & hidden).sum()),
        n,
        int((outside & hidden).sum()),
        n,
        metric="written_from_training_minus_control",
        confidence=confidence,
    )
    best = np.argsort(-claim.scores, kind="stable")[: max(1, n // 10)]
    return Graded(
        primary=leak,
        training_leak=leak,
        figures=(
            rate(inside & hidden, f"holds_{least}_tokens", members=True),
            rate(outside & hidden, f"holds_{least}_tokens", members=False),
            rate(inside, f"holds_{least}_tokens_uncorrected", members=True),
            proportion(
                int((inside & hidden)[best].sum()) if n else 0,
                len(best) if n else 0,
                metric="precision_of_the_top_tenth",
                confidence=confidence,
            ),
        ),
        p_value=None if not n else _fisher_of(inside & hidden, outside & hidden),
        reach=Reach(kind="difference", n=n, n_other=n),
        content=leak,
        arrays={"right": inside & hidden, "scores": claim.scores},
    )


def _given_back(claim: TextClaim, draws: int, success: float) -> dict[str, Bools]:
    found: dict[str, Bools] = {}
    if claim.log_p is not None:
        found[f"extractable_in_{draws}"] = extractable(claim.log_p, draws=draws, success=success)
    if claim.verdicts is not None:
        found["greedy"] = claim.verdicts
    return found


def _labelled(name: str, hits: Bools, hidden: Bools, corrected: bool) -> list[tuple[str, Bools]]:
    if not corrected:
        return [(name, hits)]
    return [(name, hits & hidden), (f"{name}_uncorrected", hits)]


def _rates(name: str, hits: Bools, group: Column, confidence: float) -> list[Leakage]:
    return [
        proportion(
            int(hits[group == each].sum()),
            int((group == each).sum()),
            metric=name if each == MEMBER else f"{name}_{each}",
            confidence=confidence,
            members=each == MEMBER,
        )
        for each in GROUPS
    ]


def _membership(claim: TextClaim, group: Column, area: Leakage, confidence: float) -> Graded:
    inside, outside = claim.scores[group == MEMBER], claim.scores[group != MEMBER]
    figures = [tpr_at_fpr(inside, outside, LOW_FPR, confidence=confidence)]
    if claim.uncorrected is not None:
        raw = claim.uncorrected
        plain = auc(raw[group == MEMBER], raw[group != MEMBER], confidence=confidence)
        figures.append(replace(plain, metric="auc_uncorrected"))
    p = None
    if len(inside) and len(outside):
        p = float(mannwhitneyu(inside, outside, alternative="greater").pvalue)
    return Graded(
        primary=area,
        figures=tuple(figures),
        p_value=p,
        reach=Reach(kind="auc", n=len(inside), n_other=len(outside)),
        arrays={"scores": claim.scores},
    )


def _fisher(hits: Bools, group: Column, null: str) -> float | None:
    return _fisher_of(hits[group == MEMBER], hits[group == null])


def _fisher_of(inside: Bools, outside: Bools) -> float | None:
    if not len(inside) or not len(outside):
        return None
    table = np.array([[int(side.sum()), int((~side).sum())] for side in (inside, outside)])
    return float(fisher_exact(table, alternative="greater").pvalue)


def _holding(written: Sequence[Ints], corpus: Sequence[Ints], least: int) -> Bools:
    """Return (n,) whether a text shares `least` tokens in a row with a corpus."""
    known = {ids[i : i + least].tobytes() for ids in corpus for i in range(len(ids) - least + 1)}
    return np.array(
        [
            any(ids[i : i + least].tobytes() in known for i in range(len(ids) - least + 1))
            for ids in written
        ],
        dtype=bool,
    )
