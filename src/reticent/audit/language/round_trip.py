"""Does a tokenizer give texts back? One that does not belong to the model asks other questions."""

import unicodedata
from collections.abc import Sequence

from reticent.core import BadInput
from reticent.core.language import LanguageModel

MOST_TEXTS, MOST_CHARS = 50, 2_000
REFUSED = 0.5  # of the texts, from which nothing that is asked would be what was meant


def check_round_trip(
    target: LanguageModel, texts: Sequence[str], *, from_elsewhere: bool
) -> tuple[str, ...]:
    """Return what to warn about: texts that come back otherwise than they went in.

    Letters and digits are compared, whatever their case: what a tokenizer does to white space or
    capitals costs little, what it drops or replaces is never asked for.

    Args:
        target: its tokens.
        texts: of the documents; the first ones are tried.
        from_elsewhere: the tokenizer was named by hand, for a model behind an endpoint.

    Raises: BadInput for one that gives back less than half of them, if it was named by hand.
    """
    tried = [text[:MOST_CHARS] for text in texts[:MOST_TEXTS]]
    lost = sum(_letters(target.text(target.tokens(text))) != _letters(text) for text in tried)
    if not lost:
        return ()
    what = f"The tokenizer gives {lost} of {len(tried)} texts back with other letters than they had"
    if from_elsewhere and lost > REFUSED * len(tried):
        raise BadInput(
            f"{what}; what the endpoint was asked would not be these texts.",
            way_out="Name the tokenizer that belongs to the model, or leave model.tokenizer out: "
            "passages are counted in bytes then.",
        )
    return (f"{what}: what it drops is neither asked for nor looked for.",)


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
