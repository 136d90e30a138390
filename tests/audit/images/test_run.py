from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from audit.images.attacks import ReadWeights, WeighPictures
from audit.images.digits import experiment

from reticent.attacks import Knowledge
from reticent.audit.images.controls import representatives
from reticent.audit.images.experiment import ImageExperiment, Photos
from reticent.audit.images.run import run_image_audit
from reticent.audit.plan import Task
from reticent.audit.record import Record
from reticent.audit.save import load, to_json
from reticent.core import BadInput, BudgetSpent, Family, ReconstructionClaim, Seen


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


SHELF = {"read-weights": ReadWeights(), "weigh-pictures": WeighPictures()}


def test_an_audit_measures_every_door_and_passes_its_controls(small):
    record = small
    assert [cell.id for cell in record.cells] == [
        "reconstruction/read-weights/weights/y/open/all",
        "reconstruction/weigh-pictures/scores/y/open/all",
        "reconstruction/weigh-pictures/label/y/open/all",
        "reconstruction/weigh-pictures/label/y/hard-label/all",
    ]
    assert [control.passed for control in record.controls] == [True] * 7
    assert {control.kind for control in record.controls} == {"positive", "negative"}
    assert (record.verdict, record.exit_code) == ("finding", 1)
    assert all(cell.baseline and cell.baseline.estimate == 0.1 for cell in record.cells)
    assert record.cells[0].primary.counts == {"hits": 10, "n": 10}


def test_the_record_has_every_picture_its_line_up_and_its_price(small):
    images = small.images
    assert len(images.pictures) == 4 * 10
    assert {pick.judge for pick in images.pictures[0].picks} == {"network", "lda", "gradients"}
    assert all(picture.outcome == "class prototype" for picture in images.pictures[:10])
    assert all(p.training_png is None for p in images.pictures)
    assert images.effort[0].gradient_steps == 1
    assert images.effort[1].queries == 400
    curve = small.cells[1].curves[0]
    assert curve.name == "success_against_queries"
    assert curve.x == [40.0, 100.0, 400.0] or curve.x == [100.0, 400.0]


def test_training_photos_are_in_the_record_only_if_asked_for(digits):
    record = run_image_audit(
        replace(digits, twin_models=False), out=None, now=now, only=["read-weights"],
        shelf=SHELF, include_records=True,
    )  # fmt: skip
    assert all(picture.training_png for picture in record.images.pictures)


def test_people_are_pseudonyms_unless_their_names_may_be_shown(digits):
    record = run_image_audit(
        replace(digits, names=None, twin_models=False), out=None, now=now, only=["read-weights"],
        shelf=SHELF,
    )  # fmt: skip
    assert all(name.startswith("p-") for name in record.model.classes)
    named = {p.person for p in record.images.pictures} | {p.pseudonym for p in record.people}
    assert named == set(record.model.classes)


def test_a_run_that_was_stopped_keeps_what_it_measured_and_goes_on(digits, tmp_path):
    class Stopped(WeighPictures):
        def run(self, *args: object, **rest: object) -> ReconstructionClaim:
            raise KeyboardInterrupt

    shelf = {"read-weights": ReadWeights(), "weigh-pictures": Stopped()}
    with pytest.raises(KeyboardInterrupt):
        run_image_audit(digits, out=tmp_path, now=now, shelf=shelf)
    partial = load(tmp_path / "record.json")
    assert not partial.run.complete
    assert [cell.attack for cell in partial.cells] == ["read-weights"]
    record = run_image_audit(digits, out=tmp_path, now=now, shelf=SHELF, resume=True)
    assert record.run.reused == 1
    assert len(record.cells) == 4
    assert record.digest == run_image_audit(digits, out=None, now=now, shelf=SHELF).digest


def test_a_budget_too_small_to_finish_is_inconclusive_and_costs_nothing_else(digits):
    class Greedy(WeighPictures):
        def run(self, access, candidates, knowledge, rng):
            raise BudgetSpent("It asked for 1000 with 50 left.")

    record = run_image_audit(
        replace(digits, query_budget=50, twin_models=False), out=None, now=now,
        shelf={"weigh-pictures": Greedy()},
    )  # fmt: skip
    assert {cell.verdict for cell in record.cells} == {"inconclusive"}
    assert (record.verdict, record.exit_code) == ("inconclusive", 2)
    assert all(cell.primary.estimate is None for cell in record.cells)
    assert [n.kind for n in record.not_run] == ["budget"] * 3
    assert {p.outcome for p in record.images.pictures} == {"not made"}


def test_pictures_left_unfinished_count_as_missed(digits):
    record = run_image_audit(
        replace(digits, twin_models=False), out=None, now=now, only=["read-weights"],
        shelf={"read-weights": ReadWeights(nearly=4)},
    )  # fmt: skip
    (cell,) = record.cells
    assert cell.primary.counts == {"hits": 6, "n": 10}
    assert [p.outcome for p in record.images.pictures].count("not made") == 4
    assert sum(p.png is None for p in record.images.pictures) == 4


def test_a_model_of_noise_gives_no_finding(digits):
    from reticent.audit.images.planted import noise

    blank = noise(digits, np.random.default_rng(3))
    quiet = replace(digits, target=blank.target, space=replace(digits.space, flat=True))
    record = run_image_audit(quiet, out=None, now=now, only=["read-weights"], shelf=SHELF)
    assert record.cells[0].verdict == "inconclusive"  # ten people cannot rule out a small leak
    assert record.exit_code == 2


def test_a_plug_in_that_fails_is_written_down(digits):
    class Broken(ReadWeights):
        def run(self, *args: object, **rest: object) -> ReconstructionClaim:
            raise ZeroDivisionError("oops")

    record = run_image_audit(
        digits, out=None, now=now, shelf={"read-weights": Broken()}, only=["read-weights"]
    )
    assert [(n.kind, n.why) for n in record.not_run] == [("failed", "ZeroDivisionError: oops")]
    assert record.verdict == "inconclusive"


def test_no_attack_is_given_a_photo_of_the_people(digits):
    seen: list[Knowledge] = []

    class Spy(WeighPictures):
        def run(self, access, candidates, knowledge, rng):
            seen.append(knowledge)
            assert candidates.x.shape == (10, 0)
            return WeighPictures().run(access, candidates, knowledge, rng)

    run_image_audit(
        replace(digits, twin_models=False), out=None, now=now, shelf={"weigh-pictures": Spy()}
    )
    own = {row.tobytes() for row in digits.training.x.reshape(-1, 64) * 16}
    assert seen
    assert all(row.tobytes() not in own for k in seen for row in np.asarray(k.population.x))


@pytest.mark.parametrize("side", ["training", "held_out"])
def test_a_class_without_photos_is_named(digits, side):
    photos = getattr(digits, side)
    kept = photos.who != 7
    lacking = replace(digits, **{side: Photos(x=photos.x[kept], who=photos.who[kept])})
    with pytest.raises(BadInput, match=r"1 of the model's 10 classes have no .* photo: 7"):
        run_image_audit(lacking, out=None, now=now, shelf=SHELF)


def test_an_unknown_attack_is_named(digits):
    with pytest.raises(BadInput, match="no attack 'teleport' on pictures"):
        run_image_audit(digits, out=None, now=now, shelf=SHELF, only=["teleport"])


def test_the_record_survives_the_disk(small, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(to_json(small), encoding="utf-8")
    assert load(path) == small


@pytest.fixture(scope="module")
def small() -> Record:

    subject: ImageExperiment = experiment()
    return run_image_audit(subject, out=None, now=now, shelf=SHELF)


def test_the_best_attack_at_the_strongest_access_stands_for_all_in_the_controls(digits):
    def task(attack: str, level: str) -> Task:
        return Task(attack=attack, family=Family.RECONSTRUCTION, level=level, policy="open",
                    seen=Seen.Y)  # fmt: skip

    shelf = {name: ReadWeights() for name in ("a", "b", "c")}
    found_by = {task("a", "weights"): 0.2, task("b", "weights"): 0.9, task("c", "label"): 1.0}
    bench = SimpleNamespace(experiment=digits)
    ((_, chosen),) = representatives(bench, found_by, shelf)
    assert (chosen.attack, chosen.level) == ("b", "weights")
