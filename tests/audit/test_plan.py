"""What is measured and what is not, and why, before anything is asked."""

from dataclasses import dataclass, replace

import pytest
from audit.models import experiment
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeRegressor

from reticent.audit.plan import draw_up, levels, record_columns
from reticent.audit.run import default_shelf
from reticent.audit.setup import from_objects
from reticent.core import BadInput, Channel, Family, Seen
from reticent.defences.hard_label import HardLabel
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy

ANY = Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.VALUE


@dataclass(frozen=True)
class Named:
    """An attack on paper: planning never runs one."""

    name: str
    family: Family = Family.MEMBERSHIP
    accepts: Channel = ANY
    wants: frozenset[str] = frozenset()
    cost: str = ""
    source: str = ""


def shelf(*attacks: Named) -> dict[str, Named]:
    return {attack.name: attack for attack in attacks}


@pytest.fixture(scope="module")
def subject():
    return experiment(
        memorises=True,
        members=60,
        policies={
            "open": Policy(),
            "round-1": Policy((Round(1),)),
            "top-1": Policy((TopK(1),)),
            "hard": Policy((HardLabel(),)),
            "hard-too": Policy((HardLabel(),)),
        },
        attacks=(),
    )


def doors(plan):
    return [(t.policy, t.level) for t in plan.tasks]


def test_a_policy_leaves_the_levels_that_it_leaves_open(subject):
    assert levels(subject, "open") == ["scores", "label"]
    assert levels(subject, "round-1") == ["scores", "label"]
    assert levels(subject, "top-1") == ["top_k", "label"]
    assert levels(subject, "hard") == ["label"]


def test_what_callers_cannot_reach_is_no_level(subject):
    assert levels(replace(subject, exposed=Channel.LABEL), "open") == ["label"]
    top = replace(subject, exposed=Channel.LABEL | Channel.TOP_K)
    assert levels(top, "open") == ["top_k", "label"]
    assert levels(replace(subject, exposed=Channel.WEIGHTS), "open") == []


def test_labels_are_asked_once_and_wherever_they_are_all_there_is(subject):
    plan = draw_up(subject, shelf(Named("gap")))
    assert doors(plan) == [
        ("open", "scores"),
        ("open", "label"),
        ("round-1", "scores"),
        ("top-1", "top_k"),
        ("hard", "label"),
        ("hard-too", "label"),
    ]


def test_an_attack_goes_through_the_doors_that_it_accepts(subject):
    assert doors(draw_up(subject, shelf(Named("b", accepts=Channel.LABEL)))) == [
        ("open", "label"),
        ("hard", "label"),
        ("hard-too", "label"),
    ]
    assert doors(draw_up(subject, shelf(Named("s", accepts=Channel.SCORES)))) == [
        ("open", "scores"),
        ("round-1", "scores"),
    ]


def test_open_weights_are_one_door_however_many_policies(subject):
    bare = replace(subject, exposed=Channel.WEIGHTS | Channel.LABEL)
    scan = Named("scan", family=Family.ARTEFACT, accepts=Channel.WEIGHTS)
    assert doors(draw_up(bare, shelf(scan))) == [("open", "weights")]
    plan = draw_up(subject, shelf(scan))
    assert plan.tasks == ()
    assert [(n.what, n.kind) for n in plan.not_run] == [("scan", "not exposed")]
    assert "WEIGHTS" in plan.not_run[0].why


def test_a_regressor_has_one_level():
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    subject = from_objects(
        DecisionTreeRegressor(max_depth=3).fit(x[:200], y[:200]),
        members=(x[:200], y[:200]),
        non_members=(x[200:], y[200:]),
        owner="Clinic",
        sensitive=["sex"],
        policies={"open": Policy(), "round": Policy((Round(0),))},
    )
    plan = draw_up(subject, shelf(Named("loss")))
    assert doors(plan) == [("open", "value"), ("round", "value")]
    map_ = draw_up(subject, shelf(Named("map", family=Family.ATTRIBUTE)))
    assert {t.seen for t in map_.tasks} == {Seen.NOTHING, Seen.Y, Seen.LABEL}


def test_every_column_is_hidden_with_everything_that_may_have_been_seen(subject):
    two = replace(subject, hidden_together=(("affair", "age"),), seen=(Seen.NOTHING, Seen.SCORES))
    plan = draw_up(two, shelf(Named("map", family=Family.ATTRIBUTE, accepts=Channel.SCORES)))
    assert [t.id for t in plan.tasks if t.policy == "open"] == [
        "attribute/map/scores/nothing/open/affair/all",
        "attribute/map/scores/scores/open/affair/all",
        "attribute/map/scores/nothing/open/affair+age/all",
        "attribute/map/scores/scores/open/affair+age/all",
    ]


def test_scores_are_overheard_only_where_there_are_scores(subject):
    plan = draw_up(subject, shelf(Named("map", family=Family.ATTRIBUTE)))
    heard = {(t.level, t.seen) for t in plan.tasks}
    assert ("scores", Seen.SCORES) in heard
    assert ("top_k", Seen.SCORES) in heard
    assert ("label", Seen.SCORES) not in heard
    assert ("label", Seen.LABEL) in heard


def test_a_record_is_the_sensitive_columns_and_some_more(subject):
    assert record_columns(subject) == ("affair", "age", "yrs_married")
    assert record_columns(replace(subject, sensitive=())) == ()
    refine = Named("refine", family=Family.RECORD, accepts=Channel.SCORES)
    (task, _) = draw_up(subject, shelf(refine)).tasks
    assert (task.hidden, task.seen) == (("affair", "age", "yrs_married"), Seen.Y)


def test_ids_are_different(subject):
    plan = draw_up(replace(subject, hidden_together=(("affair", "age"),)), default_shelf())
    ids = [task.id for task in plan.tasks]
    assert len(ids) == len(set(ids)) > 50


@pytest.mark.parametrize(
    ("wants", "lacking", "kind", "why"),
    [
        ("population", {"auxiliary": None}, "not enough knowledge", "data.auxiliary"),
        ("references", {"trainer": None}, "not enough knowledge", "model.reference"),
        ("references", {"reference_models": 1}, "not enough knowledge", "at least 2"),
        ("shadows", {"trainer": None}, "not enough knowledge", "model.reference"),
        ("shadows", {"auxiliary": None}, "not enough knowledge", "auxiliary"),
        ("shadows", {"shadow_models": 0}, "not enough knowledge", "shadow"),
    ],
)
def test_what_an_attack_lacks_is_said(subject, wants, lacking, kind, why):
    attack = Named("needy", wants=frozenset({wants}))
    assert draw_up(subject, shelf(attack)).tasks
    plan = draw_up(replace(subject, **lacking), shelf(attack))
    assert plan.tasks == ()
    (skipped,) = plan.not_run
    assert (skipped.what, skipped.kind) == ("needy", kind)
    assert why in skipped.why


def test_without_a_sensitive_column_there_is_nothing_to_guess(subject):
    for family in (Family.ATTRIBUTE, Family.RECORD):
        plan = draw_up(replace(subject, sensitive=()), shelf(Named("a", family=family)))
        assert plan.tasks == ()
        assert "No column is declared sensitive" in plan.not_run[0].why


def test_what_was_not_chosen_is_written_down(subject):
    both = shelf(Named("a"), Named("b"), Named("c"))
    plan = draw_up(replace(subject, attacks=("a", "b"), exclude=("b",)), both)
    assert {t.attack for t in plan.tasks} == {"a"}
    assert [(n.what, n.kind) for n in plan.not_run] == [
        ("b", "not chosen"),
        ("c", "not chosen"),
    ]
    only = draw_up(replace(subject, attacks=("a",)), both, only=["c"])
    assert {t.attack for t in only.tasks} == {"c"}
    everything = draw_up(replace(subject, attacks=("all",)), both)
    assert {t.attack for t in everything.tasks} == {"a", "b", "c"}


def test_a_baseline_stands_beside_every_cell_and_is_none(subject):
    plan = draw_up(subject, shelf(Named("imputation", accepts=Channel(0)), Named("a")))
    assert {t.attack for t in plan.tasks} == {"a"}
    assert plan.not_run == ()


@pytest.mark.parametrize("field", ["attacks", "exclude"])
def test_an_attack_that_is_not_there_is_named(subject, field):
    with pytest.raises(BadInput, match=r"no attack 'lyra'.*'loss'"):
        draw_up(replace(subject, **{field: ("lyra",)}), shelf(Named("loss")))


def test_the_declared_family_is_what_was_declared(subject):
    two = shelf(Named("a"), Named("b"), Named("copy", family=Family.EXTRACTION))

    def declared(*pairs):
        plan = draw_up(replace(subject, declared=pairs), two)
        return {(t.attack, t.policy) for t in plan.tasks if t.declared}

    policies = set(subject.policies)
    assert declared(("all", "all")) == {(a, p) for a in ("a", "b") for p in policies}
    assert declared(("a", "all")) == {("a", p) for p in policies}
    assert declared(("all", "hard")) == {("a", "hard"), ("b", "hard")}
    assert declared(("a", "hard"), ("b", "open")) == {("a", "hard"), ("b", "open")}
    assert declared() == set()
