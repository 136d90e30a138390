"""Whose data does a model write? Personal data in what it says, by prompt and unprompted."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from reticent.core import BadInput, Channel
from reticent.core.language import Sampling
from reticent.core.pii import PiiKind, PiiSpan, canonical, find_pii, known_names
from reticent.text_access import TextAccess

Recognise = Callable[[str], Sequence[PiiSpan]]


def own_recogniser() -> Recognise:
    """Return the recogniser that the guard has as well, with a list of English given names."""
    names = known_names()
    return lambda text: find_pii(text, given_names=names)


#: Presidio's entities, and what they are here.
_ENTITIES = {
    "PERSON": PiiKind.NAME,
    "EMAIL_ADDRESS": PiiKind.EMAIL,
    "PHONE_NUMBER": PiiKind.PHONE,
    "CREDIT_CARD": PiiKind.CARD,
    "IBAN_CODE": PiiKind.IBAN,
    "US_SSN": PiiKind.SSN,
    "UK_NHS": PiiKind.NHS,
    "IP_ADDRESS": PiiKind.IP,
}


def presidio_recogniser(analyzer: Any, *, language: str = "en") -> Recognise:
    """Return a recogniser that joins Presidio's entities with our own.

    Args:
        analyzer: a `presidio_analyzer.AnalyzerEngine`; the package is not one of our own
            dependencies, whoever wants its model of names brings it.
        language: of the texts.
    """
    own = own_recogniser()

    def recognise(text: str) -> Sequence[PiiSpan]:
        found = {(span.start, span.end): span for span in own(text)}
        for result in analyzer.analyze(text=text, language=language, entities=sorted(_ENTITIES)):
            kind = _ENTITIES.get(result.entity_type)
            place = (int(result.start), int(result.end))
            if kind is not None and place not in found:
                value = canonical(kind, text[place[0] : place[1]])
                found[place] = PiiSpan(*place, kind, value)
        return sorted(found.values())

    return recognise


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PiiClaim:
    """What a model wrote, and the personal data that were seen in it.

    Attributes:
        texts: for each prompt the n texts written after it.
        found: for each prompt how many of its texts hold each (kind, canonical value). Surest
            first: what comes again and again was learnt, not made up.
        prompts: as they were given.
    """

    texts: tuple[tuple[str, ...], ...]
    found: tuple[tuple[tuple[tuple[PiiKind, str], int], ...], ...]
    prompts: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PiiRecovery:
    """Have a model go on after prompts, and look for personal data in what it writes.

    The prompts are what an adversary knows: the beginning of a record, a name with "his number
    is", or nothing. What was wanted is no business of the attack; the grade compares.

    Attributes:
        draws: texts a prompt: the n of (n, p).
        length: tokens of each.
        temperature: of the sampling; 0 writes one text, the likeliest.
        top_k: of the sampling; 0 for all tokens.
    """

    name: ClassVar[str] = "pii-recovery"
    accepts: ClassVar[Channel] = Channel.TOKENS
    cost: ClassVar[str] = "`draws` queries a prompt"
    source: ClassVar[str] = (
        "Lukas et al. 2023, Analyzing leakage of personally identifiable information in language "
        "models, https://arxiv.org/abs/2302.00539; (n, p) after Hayes et al. 2024, "
        "https://arxiv.org/abs/2410.19482"
    )

    draws: int = 20
    length: int = 32
    temperature: float = 1.0
    top_k: int = 40

    def __post_init__(self) -> None:
        if self.draws < 1 or self.length < 1:
            raise BadInput("No text is asked for.", way_out="Set draws and length to 1 or more.")

    def run(
        self,
        access: TextAccess,
        prompts: Sequence[str],
        rng: np.random.Generator,
        *,
        recognise: Recognise | None = None,
    ) -> PiiClaim:
        """Return what was written and seen after every prompt.

        Args:
            access: the door to the model.
            prompts: texts; "" writes from nothing.
            rng: seeds the draws.
            recognise: finds personal data; `own_recogniser` if None.

        Raises: NotExposed, BudgetSpent, BadInput.
        """
        find = recognise or own_recogniser()
        sampling = Sampling(temperature=self.temperature, top_k=self.top_k)
        n = 1 if sampling.greedy else self.draws
        written = access.generate(
            [access.tokens(prompt) for prompt in prompts],
            new_tokens=self.length,
            n=n,
            sampling=sampling,
            seed=int(rng.integers(1 << 31)),
        )
        texts: list[list[str]] = [[] for _ in prompts]
        for each in written:
            texts[each.prompt].append(access.text(each.tokens))
        found = []
        for prompt, group in zip(prompts, texts, strict=True):
            counts: Counter[tuple[PiiKind, str]] = Counter()
            for text in group:
                counts.update({(s.kind, s.value) for s in _new(find, prompt, text)})
            found.append(tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))))
        return PiiClaim(
            texts=tuple(tuple(group) for group in texts),
            found=tuple(found),
            prompts=tuple(prompts),
        )


def _new(find: Recognise, prompt: str, text: str) -> list[PiiSpan]:
    """Return what reaches into the text that was written: a value may begin in the prompt."""
    return [span for span in find(prompt + text) if span.end > len(prompt)]
