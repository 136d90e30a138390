"""An audit of vectors from plan to record, on a tiny embedder."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from reticent.attacks.embedding.entities import EntityRecovery
from reticent.attacks.embedding.nearest import NearestText
from reticent.attacks.embedding.slots import SlotSearch
from reticent.audit.embedding.experiment import EmbeddingExperiment
from reticent.audit.embedding.run import run_embedding_audit
from reticent.audit.save import load, to_json
from reticent.core import BadAnswer, BadInput, Channel
from reticent.policy import Policy
from reticent.targets.embedder import EmbedderTarget
from reticent.testing.planted_texts import FILLS, TEMPLATE, projected_bag

SHELF = {a.name: a for a in (NearestText(), SlotSearch(), EntityRecovery())}
POLICIES = {
    "open": Policy(),
    "noisy": Policy.from_list([{"kind": "keyed_noise", "scale": 3.0, "distribution": "gaussian"}]),
    "shut": Policy.from_list([{"kind": "withhold", "channels": ["embedding"]}]),
}


def filled(count, seed):
    rng = np.random.default_rng(seed)
    rows = [{slot: str(rng.choice(v)) for slot, v in FILLS.items()} for _ in range(count)]
    return rows, [TEMPLATE.format(**row) for row in rows]


def experiment(**changes):
    rows, texts = filled(60, 1)
    _, own = filled(80, 2)
    own = [text for text in own if text not in set(texts)]
    plain = EmbeddingExperiment(
        target=projected_bag("bag", 3),
        owner="Search team",
        kind="function",
        model_digest="0" * 64,
        texts=tuple(texts),
        own=tuple(own),
        entities={"who": tuple(row["who"] for row in rows)},
        template=TEMPLATE,
        slots=FILLS,
        policies=POLICIES,
        secret=b"endpoint",
    )
    return replace(plain, **changes)


def audit(some, **settings):
    return run_embedding_audit(
        some, out=settings.pop("out", None), now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        shelf=SHELF, **settings,
    )  # fmt: skip


def test_a_bare_embedder_is_a_finding_and_noise_takes_searches_along():
    record = audit(experiment())
    cells = {(c.attack, c.policy): c for c in record.cells if c.access == "embedding"}
    # A bare endpoint is its own copy.
    assert {c.policy for c in record.cells if c.access == "copy"} == {"noisy"}
    assert set(cells) == {
        (a, p) for a in ("slot-search", "entity-recovery") for p in ("open", "noisy")
    }
    bare, noisy = cells["slot-search", "open"], cells["slot-search", "noisy"]
    assert (bare.verdict, bare.tier) == ("finding", "E3")
    figures = {f.metric: f for f in bare.figures}
    assert figures["exact_match"].estimate == 1.0
    assert figures["entity_recovery"].estimate == 1.0
    assert figures["token_f1"].estimate > figures["token_f1_of_nearest"].estimate
    assert cells["entity-recovery", "noisy"].verdict != "finding"
    # Noise is keyed by the text: whoever may ask and comes upon the text has the very vector.
    assert {f.metric: f.estimate for f in noisy.figures}["exact_match"] > 0.5
    utility = {p.name: {f.metric: f.estimate for f in p.utility} for p in record.policies}
    assert utility["open"]["recall_at_10"] == 1.0
    assert utility["noisy"]["recall_at_10"] < 0.5
    assert utility["shut"] == {}
    assert all(control.passed for control in record.controls)
    assert record.exit_code == 1
    why = {n.what: n.kind for n in record.not_run}
    assert why["slot-search under shut"] == "not exposed"
    assert why["nearest-text"] == "not chosen"


def test_no_text_stands_in_the_record_or_on_disk(tmp_path):
    some = experiment(policies={"open": Policy()})
    record = audit(some, out=tmp_path)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in some.texts:
        assert text not in to_json(record)
        assert text.encode() not in kept
        assert text.encode("utf-32-le") not in kept  # as numpy would write it
    assert load(tmp_path / "record.json").digest == record.digest


def test_it_goes_on_from_what_was_measured(tmp_path):
    some = experiment(policies={"open": Policy()})
    first = audit(some, out=tmp_path)
    again = audit(some, out=tmp_path, resume=True)
    assert again.digest == first.digest
    assert (first.run.reused, again.run.reused) == (0, 2)


def test_the_same_seed_gives_the_same_record():
    some = experiment(policies={"noisy": POLICIES["noisy"]})
    first, again = (audit(some, only=["entity-recovery"]).digest for _ in range(2))
    assert first == again
    assert audit(replace(some, seed=1), only=["entity-recovery"]).digest != first


def test_an_embedder_that_says_the_same_of_all_fails_its_control():
    constant = EmbedderTarget(embed=lambda texts: np.ones((len(texts), 4)), name="constant")
    record = audit(experiment(target=constant, policies={"open": Policy()}))
    assert record.exit_code == 3
    failed = [c.name for c in record.controls if not c.passed]
    assert failed == ["texts found again"]


def test_a_query_budget_that_is_too_small_is_said():
    record = audit(experiment(query_budget=5, policies={"open": Policy()}))
    assert {n.kind for n in record.not_run if n.what.startswith("embedding/")} == {"budget"}
    assert not record.cells


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"texts": ("one",) * 3}, "at least 10"),
        ({"texts": ("a text",) * 11 + (" ",), "entities": {}}, "empty"),
        ({"entities": {"who": ("ann",)}}, "1 entities"),
    ],
)
def test_what_no_audit_can_be_made_from_is_refused(changes, said):
    with pytest.raises(BadInput, match=said):
        audit(experiment(**changes))


def test_a_text_that_the_adversary_owns_is_not_under_attack():
    some = experiment()
    with pytest.raises(BadInput, match="own"):
        audit(replace(some, own=(*some.own, some.texts[0])))


def test_an_unknown_attack_and_a_broken_model_are_errors():
    with pytest.raises(BadInput, match="no-such"):
        audit(experiment(), only=["no-such"])
    broken = EmbedderTarget(embed=lambda texts: [[np.nan]] * len(texts), name="broken")
    with pytest.raises(BadAnswer, match="broken"):
        audit(experiment(target=broken))


def test_a_plug_in_that_fails_costs_nothing_that_was_measured():
    class Faulty:
        name, family, accepts = "faulty", SlotSearch.family, Channel.EMBEDDING
        wants, cost, source = frozenset(), "none", "2026"
        __dataclass_params__ = SlotSearch.__dataclass_params__
        __dataclass_fields__ = SlotSearch.__dataclass_fields__
        contexts = most_queries_each = first = pairs = 1

        def run(self, *_):
            raise ZeroDivisionError("oops")

    some = experiment(policies={"open": Policy()})
    record = run_embedding_audit(
        some,
        out=None,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        shelf=SHELF | {"faulty": Faulty()},
    )
    assert [n.why for n in record.not_run if n.kind == "failed"] == ["ZeroDivisionError: oops"]
    assert len(record.cells) == 2


def test_a_copy_of_the_model_undoes_noise_and_no_rotation():
    """The endpoint's noise is on its answers too; a copy's answers have none."""
    policies = {
        "noisy": Policy.from_list(
            [{"kind": "keyed_noise", "scale": 0.12, "distribution": "gaussian"}]
        ),
        "turned": Policy.from_list([{"kind": "rotate"}]),
    }
    record = audit(experiment(policies=policies), only=["entity-recovery"])
    found = {
        (c.policy, c.access): next(f.estimate for f in c.figures if f.metric == "entity_recovery")
        for c in record.cells
    }
    assert found["noisy", "copy"] >= found["noisy", "embedding"]
    assert found["turned", "embedding"] == 1.0
    assert found["turned", "copy"] < 0.4
    alone = audit(experiment(policies=policies, copy=False), only=["entity-recovery"])
    assert {c.access for c in alone.cells} == {"embedding"}
