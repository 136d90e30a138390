import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language.continuation import Continuation
from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.attacks.language.text_loss import TextLoss
from reticent.attacks.language.text_reference import TextReference
from reticent.attacks.language.unprompted import UnpromptedGeneration
from reticent.audit.language.experiment import TextExperiment
from reticent.audit.language.run import SAMPLING, run_text_audit, text_shelf
from reticent.audit.record import Record
from reticent.core import BadInput
from reticent.core.language import Passage
from reticent.policy import Policy
from reticent.testing.ngram_lm import SIGNS, NGramModel

SHELF: dict[str, Any] = {
    "discoverable-extraction": DiscoverableExtraction(),
    "continuation": Continuation(),
    "text-loss": TextLoss(),
    "text-reference": TextReference(),
    "unprompted-generation": UnpromptedGeneration(texts=40, length=40),
}


def _experiment(*, leaky: bool = True, **settings: Any) -> TextExperiment:
    rng = np.random.default_rng(17)
    training, unseen, others = (
        [
            Passage(tokens=rng.integers(1, len(SIGNS), size=40), document=f"{side} {i}")
            for i in range(40)
        ]
        for side in ("training", "unseen", "others")
    )
    seen = training if leaky else others
    model = NGramModel(texts=[d.tokens for d in seen])
    given: dict[str, Any] = {
        "prompt": 10,
        "wanted": 20,
        "policies": {
            "open": Policy(),
            "silent": Policy.from_list([{"kind": "withhold", "channels": ["scores"]}]),
        },
    }
    return TextExperiment(
        target=model,
        owner="Test",
        kind="ngrams",
        model_digest="0" * 64,
        **{"training": training, "unseen": unseen, **given, **settings},
    )


def _run(experiment: TextExperiment, out: Path | None = None, **settings: Any) -> Record:
    return run_text_audit(
        experiment, out=out, shelf=SHELF, now=lambda: dt.datetime(2026, 1, 1), **settings
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    out = tmp_path_factory.mktemp("text")
    return _run(_experiment(), out), out


def test_a_model_that_learned_by_heart_is_found_out(record: tuple[Record, Path]) -> None:
    found, _ = record
    cells = {(c.attack, c.policy): c for c in found.cells}
    best = cells["discoverable-extraction", "open"]
    assert best.primary.metric == "extractable_in_100_minus_matched"
    assert best.primary.estimate == 1.0
    assert best.verdict == "finding"
    assert found.exit_code == 1
    assert cells["continuation", "silent"].primary.estimate == 1.0  # no score is needed for that
    assert cells["text-loss", "open"].primary.metric == "auc"
    assert cells["unprompted-generation", "open"].primary.estimate > 0.1


def test_controls_pass_and_what_did_not_run_is_written_down(record: tuple[Record, Path]) -> None:
    found, _ = record
    assert all(control.passed for control in found.controls)
    assert len(found.controls) == 2 + len(found.cells)
    why = {n.what: n.kind for n in found.not_run}
    assert why["text-loss under silent"] == "not exposed"
    assert "not enough knowledge" in why.values()  # text-reference has no reference model


def test_texts_are_not_in_the_record(record: tuple[Record, Path]) -> None:
    _, out = record
    model = NGramModel(texts=[])
    secret = model.text(_experiment().training[0].tokens)
    for path in out.rglob("*"):
        if path.is_file():
            assert secret[:20].encode() not in path.read_bytes()
    assert json.loads((out / "record.json").read_text())["model"]["task"] == "text"


def test_finished_work_is_taken_over(record: tuple[Record, Path]) -> None:
    found, out = record
    again = _run(_experiment(), out, resume=True)
    assert again.run.reused == len(found.cells)
    assert [c.primary for c in again.cells] == [c.primary for c in found.cells]


def test_a_model_that_never_saw_the_text_is_not_accused() -> None:
    found = _run(_experiment(leaky=False), only=["discoverable-extraction", "text-loss"])
    assert {c.verdict for c in found.cells} <= {"nothing found", "inconclusive"}
    assert found.exit_code in (0, 2)
    assert all(control.passed for control in found.controls)


def test_long_documents_are_judged_in_pieces() -> None:
    experiment = _experiment(most_document=16)
    pieces, group = experiment.documents()
    assert (group == "member").sum() == (group == "unseen").sum() == 80  # 16, 16 and a rest of 8
    assert all(len(p) == 16 for p in pieces)
    one = _experiment(
        training=[Passage(tokens=np.concatenate([d.tokens for d in _experiment().training]))],
        most_document=600,
    )
    found = _run(one, only=["text-loss", "continuation"])
    assert {c.attack for c in found.cells} == {"continuation"}
    assert any("at least 5 are needed" in n.why for n in found.not_run)


def test_what_no_honest_audit_can_be_made_from_is_refused() -> None:
    whole = _experiment()
    with pytest.raises(BadInput, match="both trained on and unseen"):
        _run(_experiment(unseen=whole.training))
    with pytest.raises(BadInput, match="takes 512"):
        _run(_experiment(prompt=500, wanted=50))
    with pytest.raises(BadInput, match="at least 5 are needed"):
        _run(_experiment(prompt=30, wanted=15))
    with pytest.raises(BadInput, match="no attack 'nonsense'"):
        _run(whole, only=["nonsense"])


@dataclass(frozen=True)
class Plain:
    """A model behind an endpoint that takes no top_k."""

    model: Any
    sends_top_k: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def test_an_endpoint_that_takes_no_top_k_is_asked_without() -> None:
    experiment = _experiment()
    for target, top_k in ((experiment.target, 40), (Plain(experiment.target), 0)):
        shelf: dict[str, Any] = dict(text_shelf(replace(experiment, target=target)))
        assert [shelf[name].top_k for name in SAMPLING] == [top_k] * 2
