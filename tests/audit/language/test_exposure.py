"""Planted secrets as a cell of an audit."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language._canary_format import digits
from reticent.attacks.language.canaries import CanaryClaim, Exposure
from reticent.attacks.language.text_loss import TextLoss
from reticent.audit.language.canary_list import CanaryList, make_canaries
from reticent.audit.language.experiment import TextExperiment
from reticent.audit.language.exposure import LOUD_BITS, exposure_tasks, grade_exposure, noted
from reticent.audit.language.run import draw_up, run_text_audit
from reticent.audit.record import Cell, Record
from reticent.core import BadInput
from reticent.core.language import Passage
from reticent.policy import Policy
from reticent.testing.ngram_lm import SIGNS, NGramModel

SHELF: dict[str, Any] = {"text-loss": TextLoss()}
OWNERS = [f"Owner {a}{b}" for a in "ABCDEF" for b in "ghijkl"]


def _list(*, planted: int = 4) -> CanaryList:
    levels = (0, planted) if planted else (0,)
    return make_canaries(
        digits(4),
        levels=levels,
        each=10,
        owners=OWNERS,
        rng=np.random.default_rng(3),
        template="Code of {owner} is",
        after="",
    )


def _experiment(canaries: CanaryList | None, *, plant: bool = True, **more: Any) -> TextExperiment:
    rng = np.random.default_rng(17)
    training, unseen = (
        [Passage(tokens=rng.integers(1, len(SIGNS), size=40), document=str(i)) for i in range(20)]
        for _ in range(2)
    )
    empty = NGramModel(texts=[])
    sentences = canaries.planted() if canaries is not None and plant else []
    seen = [d.tokens for d in training] + [empty.tokens(each) for each in sentences]
    given: dict[str, Any] = {
        "policies": {
            "open": Policy(),
            "silent": Policy.from_list([{"kind": "withhold", "channels": ["scores"]}]),
        },
        "prompt": 10,
        "wanted": 20,
    }
    return TextExperiment(
        target=NGramModel(texts=seen),
        owner="Test",
        kind="ngrams",
        model_digest="0" * 64,
        training=training,
        unseen=unseen,
        canaries=canaries,
        **{**given, **more},
    )


def _run(experiment: TextExperiment, out: Path | None = None, **more: Any) -> Record:
    return run_text_audit(
        experiment, out=out, shelf=SHELF, now=lambda: dt.datetime(2026, 1, 1), **more
    )


def _cell(record: Record) -> Cell:
    (cell,) = [c for c in record.cells if c.attack == "canary-exposure"]
    return cell


def test_what_was_planted_is_found_and_each_canary_is_told_of(tmp_path: Path) -> None:
    canaries = _list()
    record = _run(_experiment(canaries), tmp_path)
    cell = _cell(record)
    assert cell.verdict == "finding"
    assert cell.primary.metric == "canaries_exposed_minus_never_planted"
    assert cell.primary.estimate is not None
    assert cell.primary.estimate >= 0.7
    assert cell.p_value is not None
    assert cell.p_value < 1e-9
    told = [value for key, value in cell.notes.items() if key.startswith("canary ")]
    assert len(told) == 20
    assert sum(each.startswith("never planted") for each in told) == 10
    assert sum(each.startswith("4 copies") for each in told) == 10
    means = {f.metric: f.estimate for f in cell.figures}
    assert means["exposure_bits[4 copies]"] > 8 > 5 > means["exposure_bits[0 copies]"]
    # Its own controls: never planted ones tell nothing from one another.
    (control,) = [c for c in record.controls if "canary-exposure" in c.name]
    assert control.passed
    written = (tmp_path / "record.json").read_text()
    assert not any(c.secret in json.dumps(cell.model_dump()) for c in canaries.canaries)
    assert not any(owner in written for owner in OWNERS)


def test_what_was_not_planted_after_all_accuses_nobody() -> None:
    cell = _cell(_run(_experiment(_list(), plant=False)))
    assert cell.verdict != "finding"
    assert cell.p_value is not None
    assert cell.p_value > 0.01


def test_finished_work_is_taken_over_unless_the_list_is_another(tmp_path: Path) -> None:
    _run(_experiment(_list()), tmp_path)
    again = _run(_experiment(_list()), tmp_path, resume=True)
    assert again.run.reused == len(again.cells)
    other = _run(_experiment(_list(planted=5)), tmp_path, resume=True)
    assert other.run.reused == 0


def test_without_a_list_or_without_planted_ones_it_is_said() -> None:
    plan = draw_up(_experiment(None), SHELF)
    assert {n.what: n.kind for n in plan.not_run}["canary-exposure"] == "not enough knowledge"
    record = _run(_experiment(_list(planted=0)))
    assert any("No canary of the list was planted" in n.why for n in record.not_run)
    plan = draw_up(_experiment(_list(), exclude=("canary-exposure",)), SHELF)
    assert all(task.attack != "canary-exposure" for task in plan.tasks)
    with pytest.raises(BadInput, match="no attack"):
        draw_up(_experiment(_list(), attacks=("canary",)), SHELF)


def test_whoever_holds_the_model_is_asked_first_and_policies_that_show_scores_next() -> None:
    ways = {"first": "open", "declared": (("all", "open"),)}
    tasks = exposure_tasks(weights=True, logprobs=["open", "noisy"], **ways)  # type: ignore[arg-type]  # a dictionary of both
    assert [(t.level, t.policy, t.declared) for t in tasks] == [
        ("weights", "open", True),
        ("logprobs", "open", True),
        ("logprobs", "noisy", False),
    ]
    assert exposure_tasks(weights=False, logprobs=[], **ways) == []  # type: ignore[arg-type]


def _exposure(bits: float, *, method: Any = "exact") -> Exposure:
    return Exposure(
        bits=bits,
        lower=bits - 1,
        upper=bits + 1,
        method=method,
        logprob=-1.0,
        space_bits=20.0,
        tail_bits=bits,
    )


def test_content_is_what_was_counted_to_be_the_likeliest() -> None:
    loud = [_exposure(LOUD_BITS), _exposure(20.0), _exposure(20.0, method="tail"), _exposure(4.0)]
    quiet = [_exposure(bits) for bits in (0.1, 2.0, 5.0, 1.0)]
    claim = CanaryClaim(exposures=(*loud, *quiet))
    copies = [8] * 4 + [0] * 4
    graded = grade_exposure(claim, copies, confidence=0.95)
    assert graded.primary.estimate == 0.75 - 0.25
    assert graded.content is not None
    assert graded.content.estimate == 0.25
    assert graded.arrays["null"].tolist() == [False, False, True, False]
    said = noted(claim, copies)
    assert said["canary 2"] == "8 copies: 20.0 bits (19.0 to 21.0 of 20.0), exact"
    assert said["canary 8"].startswith("never planted: 1.0 bits")
