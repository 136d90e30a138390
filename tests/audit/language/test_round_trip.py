"""A tokenizer that does not give texts back is told of, and refused where it was named by hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from reticent.audit.language.round_trip import check_round_trip
from reticent.core import BadInput


@dataclass(frozen=True)
class Letters:
    """Code points; those not in `knows` come back as a question mark."""

    knows: str

    def tokens(self, text):
        return np.array([ord(c) if c in self.knows else ord("?") for c in text], dtype=np.int64)

    def text(self, tokens):
        return "".join(map(chr, tokens.tolist()))


TEXTS = ["anna is ill", "bert is well", "zoë is well"]
ALL = "abcdefghijklmnopqrstuvwxyzë "


@pytest.mark.parametrize("knows", [ALL, ALL.replace(" ", "")])
def test_what_comes_back_but_for_white_space_is_not_worth_a_word(knows):
    assert check_round_trip(Letters(knows), TEXTS, from_elsewhere=True) == ()


def test_capitals_may_be_lost():
    assert check_round_trip(Letters(ALL), ["anna"], from_elsewhere=True) == ()

    class Lower(Letters):
        def tokens(self, text):
            return Letters.tokens(self, text.lower())

    assert check_round_trip(Lower(ALL), ["Anna IS ill"], from_elsewhere=True) == ()


def test_few_that_do_not_are_a_warning():
    (said,) = check_round_trip(Letters(ALL.replace("ë", "")), TEXTS, from_elsewhere=True)
    assert "1 of 3 texts" in said


def test_most_that_do_not_are_refused_only_where_the_tokenizer_was_named_by_hand():
    strange = Letters("xyz")
    with pytest.raises(BadInput, match="3 of 3 texts") as caught:
        check_round_trip(strange, TEXTS, from_elsewhere=True)
    assert "model.tokenizer" in caught.value.way_out
    (said,) = check_round_trip(strange, TEXTS, from_elsewhere=False)
    assert "3 of 3 texts" in said
