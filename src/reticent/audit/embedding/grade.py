"""Hold texts that an attack claims against the texts behind the vectors."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from reticent.audit.grade.base import Graded, paired_reach
from reticent.core import Bools, Floats, Leakage
from reticent.stats.differences import gain, mcnemar_p
from reticent.stats.intervals import proportion

# As the attacks cut words; written again, so that what grades does not hang on what is graded.
_WORD = re.compile(r"\w+(?:['\N{RIGHT SINGLE QUOTATION MARK}-]\w+)*")
HALF = 0.5  # token F1 from which a text counts as read
RESAMPLES = 2000


def tokens(text: str) -> list[str]:
    """Return a text's words in lower case, punctuation left out.

    >>> tokens("It's 9 o'clock, sharp!")
    ["it's", '9', "o'clock", 'sharp']
    """
    return _WORD.findall(text.lower())


def token_f1(claimed: Sequence[str], true: Sequence[str]) -> Floats:
    """Return (n,) the harmonic mean of precision and recall of the words, repeats counted.

    Two texts without words agree: 1; one without and one with: 0.

    >>> token_f1(["the cat sat"], ["a cat sat down"]).round(3).tolist()
    [0.571]
    """
    return np.array([_f1(tokens(a), tokens(b)) for a, b in zip(claimed, true, strict=True)])


def _f1(claimed: Sequence[str], true: Sequence[str]) -> float:
    if not claimed and not true:
        return 1.0
    shared = sum((Counter(claimed) & Counter(true)).values())
    return 2 * shared / (len(claimed) + len(true))


def exact_match(claimed: Sequence[str], true: Sequence[str]) -> Bools:
    """Return (n,) whether the words and their order are the same; case and punctuation aside."""
    pairs = zip(claimed, true, strict=True)
    return np.array([tokens(a) == tokens(b) != [] for a, b in pairs], dtype=bool)


def entities_found(claimed: Sequence[str], entities: Sequence[Sequence[str]]) -> Bools:
    """Return (m,) for every entity of every text whether its words stand together in the claim.

    Args:
        claimed: n texts.
        entities: for each true text the entities in it.

    >>> entities_found(["ann of new york"], [["Ann", "York New", "New York"]]).tolist()
    [True, False, True]
    """
    found = []
    for text, wanted in zip(claimed, entities, strict=True):
        said = f" {' '.join(tokens(text))} "
        found += [f" {' '.join(tokens(entity))} " in said for entity in wanted]
    return np.array(found, dtype=bool)


def mean_figure(
    values: Floats, *, metric: str, confidence: float, rng: np.random.Generator
) -> Leakage:
    """Return the mean of (n,) values with a bootstrap interval (percentiles of 2,000 resamples)."""
    n = len(values)
    if not n:
        return Leakage(
            metric=metric, estimate=None, lower=None, upper=None, confidence=confidence,
            method="bootstrap",
        )  # fmt: skip
    drawn = values[rng.integers(n, size=(RESAMPLES, n))].mean(axis=1)
    lower, upper = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    mean = float(values.mean())
    return Leakage(
        metric=metric,
        estimate=mean,
        lower=min(float(lower), mean),
        upper=max(float(upper), mean),
        confidence=confidence,
        method="bootstrap",
        n_members=n,
        counts={"sum": float(values.sum()), "n": n},
    )


def prior_text(own: Sequence[str], length: int) -> str:
    """Return the commonest `length` words of the adversary's texts: a guess without the vector."""
    counts: Counter[str] = Counter()
    for text in own:
        counts.update(set(tokens(text)))
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return " ".join(word for word, _ in ranked[:length])


def grade_texts(
    claimed: Sequence[str],
    true: Sequence[str],
    rivals: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
    *,
    confidence: float,
    entities: Sequence[Sequence[str]] = (),
) -> Graded:
    """Join claimed texts to the true ones.

    The verdict hangs on the share of texts that are read (token F1 of at least one half, or every
    entity found if entities are declared), less that of the best rival.

    Args:
        claimed: n texts.
        true: the texts behind the vectors.
        rivals: name -> n texts had without inverting: the nearest own text, the commonest words.
        rng: of the bootstrap.
        confidence: of every interval.
        entities: for each text what in it would hurt most; empty if none are declared.
    """
    read = _is_read(claimed, true, entities)
    by_rival = {name: _is_read(texts, true, entities) for name, texts in rivals.items()}
    best = max(by_rival, key=lambda name: float(by_rival[name].mean()) if len(read) else 0.0)
    gained = gain(read, by_rival, metric="texts_read_gain", confidence=confidence)
    exact = exact_match(claimed, true)
    content = gain(
        exact,
        {name: exact_match(texts, true) for name, texts in rivals.items()},
        metric="exact_match_gain",
        confidence=confidence,
    )
    figures = [
        mean_figure(token_f1(claimed, true), metric="token_f1", confidence=confidence, rng=rng),
        *(
            mean_figure(
                token_f1(texts, true), metric=f"token_f1_of_{name}", confidence=confidence, rng=rng
            )
            for name, texts in rivals.items()
        ),
        proportion(int(read.sum()), len(read), metric="texts_read", confidence=confidence),
        proportion(int(exact.sum()), len(exact), metric="exact_match", confidence=confidence),
    ]
    if any(entities):
        for name, texts in (("", claimed), *rivals.items()):
            found = entities_found(texts, entities)
            figures.append(
                proportion(
                    int(found.sum()),
                    len(found),
                    metric="entity_recovery" + (f"_of_{name}" if name else ""),
                    confidence=confidence,
                )
            )
    return Graded(
        primary=gained,
        baseline=proportion(
            int(by_rival[best].sum()),
            len(read),
            metric=f"texts_read_by_{best}",
            confidence=confidence,
        ),
        figures=tuple(figures),
        p_value=mcnemar_p(read, by_rival[best]).one_sided if len(read) else None,
        reach=paired_reach(read, by_rival[best]),
        content=content if content.lower is not None and content.lower > 0 else None,
        arrays={"read": read, "exact": exact, "read_by_rival": by_rival[best]},
    )


def _is_read(
    claimed: Sequence[str], true: Sequence[str], entities: Sequence[Sequence[str]]
) -> Bools:
    if not any(entities):
        return np.asarray(token_f1(claimed, true) >= HALF)
    return np.array(
        [
            bool(wanted) and bool(entities_found([text], [wanted]).all())
            for text, wanted in zip(claimed, entities, strict=True)
        ],
        dtype=bool,
    )
