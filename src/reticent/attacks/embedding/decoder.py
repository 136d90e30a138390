"""A trained decoder, and the encoder asked to check and mend what it reads."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reticent.access import Access
from reticent.attacks.base import Knowledge
from reticent.attacks.embedding._read import learn_reader
from reticent.attacks.embedding._refine import Refinement, refine
from reticent.attacks.embedding._vectors import asker, own_texts, shown, stolen, unit
from reticent.core import Candidates, Channel, Family, TextReconstructionClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class WordDecoder:
    """Read the words of a text from its vector, put them in order, then mend them by asking.

    1. The adversary asks for the vectors of its own texts and trains a head that gives the
    log-odds of every word. 2. The words above a threshold are put in a likely order by a bigram
    model. 3. Words are added, dropped and swapped one at a time while that brings the vector of the
    guess nearer to the stolen one, weighed against the head's own belief.

    Differences to vec2text: words instead of a sequence model, so that an audit trains it in
    minutes on a processor; the corrector is the same linear head read on the difference between
    goal and guess. It finds what is said, seldom the wording; a longer trained decoder finds more.

    Attributes:
        most_words: of the vocabulary; the commonest stay.
        epochs: times that each pair is seen in training.
        rate: greatest step of the training.
        threshold: probability from which a word is claimed at first.
        rounds: changes at most of each text; 0 leaves it at the head.
        adds: words tried in addition, each round.
        drops: words tried without, each round.
        swaps: of the added, how many are tried in place of each of as many doubtful ones.
        pull: nats that a cosine of 1 is worth beside the head's log-odds.
    """

    name: ClassVar[str] = "word-decoder"
    family: ClassVar[Family] = Family.EMBEDDING
    accepts: ClassVar[Channel] = Channel.EMBEDDING
    wants: ClassVar[frozenset[str]] = frozenset({"population"})
    cost: ClassVar[str] = "1 query an own text, some 300 a vector; minutes of training"
    source: ClassVar[str] = (
        "Song & Raghunathan 2020, https://arxiv.org/abs/2004.00053 (words from vectors); "
        "Morris et al. 2023, https://arxiv.org/abs/2310.06816 (correction by asking)"
    )

    most_words: int = 12_000
    epochs: int = 3
    rate: float = 3e-3
    threshold: float = 0.2
    rounds: int = 12
    adds: int = 12
    drops: int = 6
    swaps: int = 3
    pull: float = 150.0

    def run(
        self, access: Access, candidates: Candidates, knowledge: Knowledge, rng: np.random.Generator
    ) -> TextReconstructionClaim:
        """Return the words read from each vector; the cosine of the guess is the confidence.

        Raises: NotExposed, BudgetSpent, NotEnoughKnowledge.
        """
        ask = asker(access, self.name)
        found = stolen(candidates, self.name)
        texts = own_texts(knowledge, self.name)
        reader = learn_reader(
            texts,
            unit(ask(texts)),
            shown(found),
            rng,
            most_words=self.most_words,
            epochs=self.epochs,
            rate=self.rate,
            threshold=self.threshold,
        )
        how = Refinement(
            rounds=self.rounds, adds=self.adds, drops=self.drops, swaps=self.swaps, pull=self.pull
        )
        guesses, cosine = refine(reader, ask, unit(found), how)
        return TextReconstructionClaim(
            texts=tuple(map(reader.vocabulary.text, guesses)),
            confidence=cosine,
            notes={"pairs": len(texts), "words": len(reader.vocabulary)},
        )
