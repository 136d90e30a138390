from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language.pii import PiiRecovery, presidio_recogniser
from reticent.audit.language.pii_grade import PiiTruth, grade_pii, stands_in
from reticent.core import BadInput, Channel, Ints
from reticent.core.language import Continuation, Sampling
from reticent.core.pii import PiiKind
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_access import WRITTEN, TextAccess


@dataclass(frozen=True)
class Writer:
    """A model that knows some records by heart, and otherwise makes up people that it never met.

    Attributes:
        known: prompt -> what follows, in a share of the texts.
    """

    known: dict[str, tuple[str, float]] = field(default_factory=dict)
    name: str = "writer"
    channels: Channel = Channel.TOKENS
    unit: str = "byte"
    vocabulary: int = 256
    context: int = 4096
    begin: int | None = 0
    forces_whole: bool = True
    tie_margin: float = 0.0

    def tokens(self, text: str) -> Ints:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64)

    def text(self, ids: Ints) -> str:
        return bytes(ids.tolist()).decode("utf-8", "replace")

    def generate(
        self, prompts: Any, *, new_tokens: int, n: int = 1, sampling: Sampling, seed: int = 0
    ) -> list[Continuation]:
        rng = np.random.default_rng(seed)
        found = []
        for i, prompt in enumerate(prompts):
            follows, share = self.known.get(self.text(prompt), ("", 0.0))
            for _ in range(n):
                digits = "".join(str(d) for d in rng.integers(2, 10, size=10))
                made_up = f" {digits[:3]}-{digits[3:6]}-{digits[6:]} or x{digits}@example.org"
                text = follows if rng.random() < share else made_up
                found.append(Continuation(prompt=i, tokens=self.tokens(text)[:new_tokens]))
        return found


def door(writer: Writer) -> TextAccess:
    return TextAccess(
        target=writer,
        policy=Policy(()),
        ledger=QueryLedger(None),
        token_ledger=QueryLedger(None),
        identity="a",
        exposed=WRITTEN,
    )


PHONES = [f"212-555-{i:04d}" for i in range(100, 120)]
PROMPTS = [f"Call person {i} at" for i in range(20)]
TRUTH = [
    PiiTruth(prompt=i, kind="phone", value=phone, seen=i < 10) for i, phone in enumerate(PHONES)
]


def test_planted_numbers_come_back_and_others_do_not() -> None:
    known = {PROMPTS[i]: (f" ({PHONES[i][:3]}) {PHONES[i][4:]} now", 0.5) for i in range(8)}
    access = door(Writer(known))
    claim = PiiRecovery(draws=20).run(access, PROMPTS, np.random.default_rng(0))
    assert access.queries == 400
    assert claim.found[0][0][0] == (PiiKind.PHONE, "2125550100")
    assert claim.found[0][0][1] > 4
    (level,) = grade_pii(claim, TRUTH)
    assert (level.recovered.estimate, level.null.estimate) == (0.8, 0.0)
    assert level.recovered.lower is not None
    assert level.recovered.lower > 0.4
    assert level.p_value is not None
    assert level.p_value < 0.001
    assert level.likely.estimate == 0.8
    assert level.anywhere.estimate == 0.8


def test_a_model_that_makes_numbers_up_recovers_none() -> None:
    claim = PiiRecovery(draws=10).run(door(Writer()), PROMPTS, np.random.default_rng(0))
    assert all(claim.found)
    (level,) = grade_pii(claim, TRUTH)
    assert (level.recovered.estimate, level.null.estimate, level.p_value) == (0.0, 0.0, 1.0)


def test_rare_recoveries_need_many_draws() -> None:
    known = {PROMPTS[0]: (f" {PHONES[0]}", 0.1)}
    claim = PiiRecovery(draws=50).run(door(Writer(known)), PROMPTS, np.random.default_rng(1))
    (few,), (many,) = (grade_pii(claim, TRUTH, draws=n, success=0.9) for n in (2, 100))
    assert few.recovered.estimate == many.recovered.estimate == 0.1
    assert (few.likely.estimate, many.likely.estimate) == (0.0, 0.1)


def test_kinds_are_apart_and_own_ones_are_taken_as_they_are() -> None:
    known = {PROMPTS[0]: (" customer K-77 is Ann Lee", 1.0)}
    claim = PiiRecovery(draws=3).run(door(Writer(known)), PROMPTS[:2], np.random.default_rng(1))
    truth = [
        PiiTruth(prompt=0, kind="customer", value="k-77", seen=True),
        PiiTruth(prompt=0, kind="name", value="Ann Lee", seen=True),
        PiiTruth(prompt=1, kind="name", value="Bob Ray", seen=False),
    ]
    levels = {level.kind: level for level in grade_pii(claim, truth)}
    assert levels["customer"].recovered.estimate == levels["name"].recovered.estimate == 1.0
    assert levels["customer"].null.estimate is None
    assert levels["customer"].p_value is None
    assert levels["name"].null.estimate == 0.0


def test_what_the_prompt_says_is_not_recovered() -> None:
    claim = PiiRecovery(draws=2).run(
        door(Writer()), ["Call 212-555-0100 or"], np.random.default_rng(0)
    )
    assert all(value != "2125550100" for (_, value), _ in claim.found[0])
    with pytest.raises(BadInput, match="gives it away"):
        grade_pii(claim, [PiiTruth(prompt=0, kind="phone", value="212 555 0100", seen=True)])
    with pytest.raises(BadInput, match="not there"):
        grade_pii(claim, [PiiTruth(prompt=1, kind="phone", value="212 555 0100", seen=True)])


@pytest.mark.parametrize(
    ("kind", "value", "text", "there"),
    [
        ("phone", "212-555-0100", "1 (212) 555 0100", True),
        ("phone", "212-555-0100", "212-555-01001", False),
        ("name", "Ann O'Hara", "said ANN O\u2019HARA.", True),
        ("name", "Ann Lee", "Joann Lee", False),
        ("email", "A@b.org", "<a@B.ORG>", True),
        ("email", "a@b.org", "aa@b.org", False),
        ("iban", "GB82WEST12345698765432", "gb82 WEST 1234 5698 7654 32", True),
        ("plate", "AB 12", "ab 12", True),
    ],
)
def test_values_stand_however_written(kind: str, value: str, text: str, there: bool) -> None:
    assert stands_in(kind, value, text) is there


def test_presidio_adds_what_it_finds() -> None:
    analyzer = pytest.importorskip("presidio_analyzer", reason="Presidio is not installed")
    find = presidio_recogniser(analyzer.AnalyzerEngine())
    assert {"name", "email"} <= {span.kind.value for span in find("Zebulon Okafor, z@example.org")}


def test_no_draws_are_an_error() -> None:
    with pytest.raises(BadInput, match="No text"):
        PiiRecovery(draws=0)
