"""What everybody knows: texts that can be read anywhere."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import final

_APART = "\x00"  # between texts, so that nothing matches across them


@final
@dataclass(frozen=True, slots=True, eq=False)
class PublicText:
    """A reference corpus in memory, compared without case, spaces and punctuation.

    Args:
        texts: that everybody can read.
        least: letters and digits of a text that must be there for it to count as known; shorter
            texts are in every corpus.
    """

    texts: Iterable[str]
    least: int = 40
    _joined: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_joined", _APART.join(map(plain, self.texts)))
        object.__setattr__(self, "texts", ())

    def knows(self, text: str) -> bool:
        """Return whether the text, but for a cut word at either end, stands in the corpus."""
        words = text.split()
        inner = plain("".join(words[1:-1]))
        return len(inner) >= self.least and inner in self._joined


def plain(text: str) -> str:
    r"""Return the letters and digits of a text, folded for case and form.

    >>> plain("\uff34he \ufb01rst, LAW!")
    'thefirstlaw'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded))
