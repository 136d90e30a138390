"""Every kind of model and of data becomes the same experiment, and each can be audited."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audit.models import SCORES, encoded, people
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from targets.endpoint import served

from reticent.audit.run import run_audit
from reticent.audit.setup import from_config, from_objects
from reticent.audit.under_test import under_test
from reticent.config import load
from reticent.core import Answer, BadInput, Channel, UntrustedFile, canonical_rows
from reticent.defences.hard_label import HardLabel
from reticent.defences.keyed_noise import KeyedNoise
from reticent.defences.round import Round
from reticent.policy import Policy
from reticent.protocols import WireRequest, protocol_kinds
from reticent.protocols.base import Interface
from reticent.targets.files import save_model

FEATURES = ["radius", "texture", "smoothness", "concavity"]
HEAD = """
[model]
owner = "Model risk"
{model}

[data]
target = "malignant"
{data}

[[sensitive]]
column = "texture"
harm = "high"

[adversary]
reference_models = 3
shadow_models = 2
"""
TWO_FILES = 'members = "members.csv"\nnon_members = "others.csv"\nidentifier = "person"'


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def clinic(n=300) -> pd.DataFrame:
    raw = load_breast_cancer(as_frame=True)
    x = raw.data[["mean radius", "mean texture", "mean smoothness", "mean concavity"]]
    x.columns = FEATURES
    table = x.assign(malignant=1 - raw.target, person=[f"ID-{i:04}" for i in range(len(x))])
    return table.sample(n, random_state=0).reset_index(drop=True)


TABLE = clinic()
INSIDE, OUTSIDE = TABLE[:120], TABLE[120:].reset_index(drop=True)


def fitted(kind=DecisionTreeClassifier, **settings):
    return kind(**{"random_state": 0, **settings}).fit(INSIDE[FEATURES], INSIDE["malignant"])


@pytest.fixture
def folder(tmp_path):
    INSIDE.to_csv(tmp_path / "members.csv", index=False)
    OUTSIDE.to_csv(tmp_path / "others.csv", index=False)
    save_model(fitted(), tmp_path / "model.skops")
    return tmp_path


def configured(folder: Path, *, model='path = "model.skops"', data=TWO_FILES, more="", **settings):
    (folder / "reticent.toml").write_text(HEAD.format(model=model, data=data) + more, "utf-8")
    return from_config(load(folder / "reticent.toml"), **settings)


def rows(population) -> set[bytes]:
    return set(canonical_rows(population.x))


def test_the_sides_are_read_and_the_identifier_is_not_among_the_inputs(folder):
    made = configured(folder)
    assert made.columns == tuple(FEATURES)
    assert made.target_column == "malignant"
    assert (len(made.members), made.train_rows) == (120, 120)
    assert len(made.non_members) + len(made.auxiliary) == 180
    assert rows(made.members) == set(canonical_rows(INSIDE[FEATURES]))
    assert rows(made.non_members) | rows(made.auxiliary) == set(canonical_rows(OUTSIDE[FEATURES]))
    assert not rows(made.non_members) & rows(made.auxiliary)


def test_no_attack_meets_the_identifier(folder):
    """Whatever the model is: a log without declared features takes every column that is left."""
    made = configured(folder)
    everything = [made.pool.x, made.auxiliary.x, made.users.x, *made.domains]
    assert not any("person" in getattr(part, "columns", [part]) for part in everything)
    record = run_audit(replace(made, attacks=("loss", "map")), out=None, now=now)
    assert "ID-0" not in record.model_dump_json()


@pytest.mark.parametrize("source", ["parquet", "sql", "one file", "one select"])
def test_every_source_gives_the_same_people(folder, source):
    from_csv = configured(folder)
    both = pd.concat([INSIDE.assign(trained=1), OUTSIDE.assign(trained=0)])
    INSIDE.to_parquet(folder / "members.parquet")
    OUTSIDE.to_parquet(folder / "others.parquet")
    both.to_parquet(folder / "all.parquet")
    data = {
        "parquet": 'members = "members.parquet"\nnon_members = "others.parquet"\n',
        "sql": "members = \"SELECT * FROM 'members.parquet'\"\n"
        "non_members = \"SELECT * FROM 'others.csv'\"\n",
        "one file": 'source = "all.parquet"\nmember_column = "trained"\n',
        "one select": "source = \"SELECT *, trained = 1 AS inside FROM 'all.parquet'\"\n"
        'member_column = "inside"\n',
    }[source]
    made = configured(folder, data=data + 'identifier = "person"')
    assert made.columns == tuple(FEATURES)
    assert rows(made.members) == rows(from_csv.members)
    assert rows(made.non_members) == rows(from_csv.non_members)
    assert made.members.y.tolist() == from_csv.members.y.tolist()
    assert made.data_digest == from_csv.data_digest


def test_the_seed_draws_the_people(folder):
    few = TWO_FILES + "\nmax_candidates = 40"
    one = configured(folder, data=few)
    same = configured(folder, data=few)
    other = configured(folder, data=few, more="[audit]\nseed = 5\n")
    assert len(one.members) == len(one.non_members) == 40
    assert one.digest == same.digest
    assert rows(one.members) != rows(other.members)
    assert one.secret != other.secret


def test_what_is_configured_is_what_is_audited(folder):
    made = configured(
        folder,
        more="""known = ["radius"]
hidden_together = [["texture", "radius"]]
seen = ["y"]
query_budget = 99
prior_membership = 0.2
knows_policy = false
[[policy]]
name = "round-1"
defences = [{kind = "round", digits = 1}]
[[policy]]
name = "hard"
defences = [{kind = "hard_label"}]
[exposure]
channels = ["label", "top_k"]
[audit]
attacks = ["loss"]
exclude = ["gap"]
tolerance = 0.1
confidence = 0.9
ppv_declared = 0.8
declared = [{attack = "loss", policy = "hard"}]
""".replace('hidden_together = [["texture", "radius"]]\n', ""),
    )
    assert made.known == ("radius",)
    assert [s.value for s in made.seen] == ["y"]
    assert (made.query_budget, made.prior_membership, made.knows_policy) == (99, 0.2, False)
    assert list(made.policies) == ["round-1", "hard"]
    assert made.policies["round-1"] == Policy((Round(1),))
    assert made.exposed == Channel.LABEL | Channel.TOP_K
    assert (made.attacks, made.exclude) == (("loss",), ("gap",))
    assert (made.tolerance, made.confidence, made.ppv_declared) == (0.1, 0.9, 0.8)
    assert made.declared == (("loss", "hard"),)
    assert (made.owner, made.kind) == ("Model risk", "sklearn")


def test_priors_are_what_the_adversary_starts_from(folder):
    for name in ("members.csv", "others.csv"):
        table = pd.read_csv(folder / name)
        table.assign(texture=(table["texture"] > 19).astype(int)).to_csv(folder / name, index=False)
    more = "[adversary.priors]\ntexture = {0 = 0.9, 1 = 0.1}\n"
    made = configured(folder, more=more)
    assert made.domains["texture"].prior.tolist() == pytest.approx([0.9, 0.1])
    with pytest.raises(BadInput, match="no probability to any value"):
        configured(folder, more="[adversary.priors]\ntexture = {no = 0.9, yes = 0.1}\n")


def test_auxiliary_people_of_the_adversarys_own(folder):
    OUTSIDE[:60].to_csv(folder / "public.csv", index=False)
    OUTSIDE[60:].to_csv(folder / "others.csv", index=False)  # no person is in both
    made = configured(folder, data=TWO_FILES + '\nauxiliary = "public.csv"')
    assert rows(made.auxiliary) == set(canonical_rows(OUTSIDE[FEATURES][:60]))
    assert len(made.non_members) == 120


def test_nobody_under_test_is_among_the_adversarys_own_records(folder):
    pd.concat([OUTSIDE[:60], INSIDE[:30]]).to_csv(folder / "public.csv", index=False)
    made = configured(folder, data=TWO_FILES + '\nauxiliary = "public.csv"')
    assert not rows(made.members) & rows(made.auxiliary)
    assert not rows(made.non_members) & rows(made.auxiliary)
    assert (len(made.members), len(made.non_members)) == (90, 120)


def test_twins_are_left_out_on_both_sides_and_copies_stand_once():
    member, other = INSIDE[[*FEATURES, "malignant"]], OUTSIDE[[*FEATURES, "malignant"]]
    twins = pd.concat([member, other[:10], member[:5]], ignore_index=True)
    made = from_objects(
        fitted(),
        members=(twins[FEATURES], twins["malignant"]),
        non_members=(other[FEATURES], other["malignant"]),
        owner="Model risk",
        auxiliary_share=0.0,
    )
    shared = set(canonical_rows(other[FEATURES][:10]))
    assert not rows(made.members) & shared
    assert not rows(made.non_members) & shared
    assert (len(made.members), len(made.non_members)) == (120, 170)
    assert len(rows(made.members)) == 120
    assert made.train_rows == 135
    assert len(made.users) == 180  # utility is about everybody
    told = " ".join(made.warnings)
    assert "10 of 180 non-members equal a member" in told
    assert "10 of 135 members equal a record outside" in told
    assert "have the same inputs as another" in told


def test_a_twin_in_inputs_with_another_outcome_is_no_twin():
    x = pd.DataFrame({"a": np.arange(60.0)})
    sides = [x.assign(y=0)[:40], x.assign(y=1)[20:]]
    members, others, warnings = under_test(
        *(side.reset_index(drop=True) for side in sides), [sides[1]], ["a"], "y"
    )
    assert (len(members), len(others), warnings) == (40, 40, ())


def test_too_few_people_are_refused():
    few = INSIDE[:10]
    with pytest.raises(BadInput, match="10 rows in the members; at least 20"):
        from_objects(
            fitted(),
            members=(few[FEATURES], few["malignant"]),
            non_members=(OUTSIDE[FEATURES], OUTSIDE["malignant"]),
            owner="Model risk",
        )


# Every kind of model, audited to the end.


def audited(made, *attacks):
    record = run_audit(replace(made, attacks=attacks), out=None, now=now)
    assert not [n for n in record.not_run if n.kind == "failed"]
    return record


def access(record):
    return {(c.attack, c.access) for c in record.cells}


def test_a_table_in_memory_is_audited():
    made = from_objects(
        fitted(),
        members=(INSIDE[FEATURES], INSIDE["malignant"]),
        non_members=(OUTSIDE[FEATURES], OUTSIDE["malignant"]),
        owner="Model risk",
        exposed=SCORES,
    )
    record = audited(made, "loss")
    assert record.cells[0].primary.estimate > 0.5
    assert record.model.train_score == 1


def test_arrays_in_memory_are_audited():
    x, y = INSIDE[FEATURES].to_numpy(), INSIDE["malignant"].to_numpy()
    made = from_objects(
        DecisionTreeClassifier(random_state=0).fit(x, y),
        members=(x, y),
        non_members=(OUTSIDE[FEATURES].to_numpy(), OUTSIDE["malignant"].to_numpy()),
        owner="Model risk",
        sensitive=["x1"],
        reference_models=3,
    )
    record = audited(made, "loss", "rmia", "map")
    assert record.exit_code == 1
    assert {c.attribute for c in record.cells if c.family == "attribute"} == {"x1"}


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosting_libraries_are_audited_from_a_file(folder, library):
    if library == "lightgbm":
        kind = pytest.importorskip("lightgbm").LGBMClassifier
        model = fitted(kind, n_estimators=5, verbose=-1)
    else:
        model = fitted(pytest.importorskip("xgboost").XGBClassifier, n_estimators=5, max_depth=3)
    save_model(model, folder / "model.skops")
    record = audited(configured(folder), "rmia", "map")
    assert ("rmia", "scores") in access(record)
    assert record.model.kind == "sklearn"
    assert all(c.passed for c in record.controls if c.kind == "negative")


def test_onnx_is_audited(folder):
    pytest.importorskip("onnxruntime")
    to_onnx = pytest.importorskip("skl2onnx").to_onnx
    x = INSIDE[FEATURES].to_numpy(np.float32)
    exported = to_onnx(
        DecisionTreeClassifier(random_state=0).fit(x, INSIDE["malignant"]),
        x[:1],
        options={"zipmap": False},
    )
    (folder / "model.onnx").write_bytes(exported.SerializeToString())
    data = TWO_FILES + f"\nfeatures = {FEATURES}"
    made = configured(folder, model='path = "model.onnx"', data=data)
    assert made.kind == "onnx"
    assert made.trainer is None  # there is nothing to clone
    record = audited(made, "loss", "rmia")
    assert ("loss", "scores") in access(record)
    (why,) = [n.why for n in record.not_run if n.what == "rmia"]
    assert "model.reference" in why
    helped = configured(folder, model='path = "model.onnx"\nreference = "logistic"', data=data)
    assert helped.trainer is not None


def test_a_pickle_takes_consent(folder):
    import joblib

    joblib.dump(fitted(), folder / "model.joblib")
    with pytest.raises(UntrustedFile, match="runs whatever code"):
        configured(folder, model='path = "model.joblib"')
    made = configured(folder, model='path = "model.joblib"', trust_model_file=True)
    assert made.target.classes == (0, 1)


FUNCTION = """
import numpy as np

def scores(x):
    p = 1 / (1 + np.exp(15 - x["radius"].to_numpy()))
    return np.column_stack([1 - p, p])

def labels(x):
    return (x["radius"] > 15).astype(int).to_numpy()

def values(x):
    return 2.0 * x["radius"].to_numpy()
"""


@pytest.mark.parametrize("answers", ["scores", "labels"])
def test_a_function_is_audited_whether_it_gives_scores_or_labels(folder, answers):
    (folder / f"scorer_{answers}.py").write_text(FUNCTION)
    made = configured(
        folder,
        model=f'call = "scorer_{answers}:{answers}"',
        data=TWO_FILES + f"\nfeatures = {FEATURES}",
    )
    wanted = Channel.LABEL if answers == "labels" else SCORES
    assert made.target.channels == wanted
    assert made.target.classes == (0, 1)
    record = audited(made, "loss", "gap")
    assert {level for _, level in access(record)} == (
        {"label"} if answers == "labels" else {"scores", "label"}
    )
    assert record.verdict in ("nothing found", "inconclusive")  # it was fitted to nobody


def test_a_function_with_values_is_audited(folder):
    (folder / "scorer_values.py").write_text(FUNCTION)
    made = configured(
        folder,
        model='call = "scorer_values:values"\ntask = "regression"',
        data=TWO_FILES + f"\nfeatures = {FEATURES}",
    )
    assert made.task == "regression"
    assert access(audited(made, "loss")) == {("loss", "value")}


def endpoint(model, *, policy, regress=False):
    """Return what answers as an MLflow server does, behind a policy."""
    protocol = protocol_kinds()["mlflow"]()
    interface = Interface(
        model="m",
        task="regression" if regress else "classification",
        classes=() if regress else (0, 1),
        columns=tuple(FEATURES),
    )

    def answer(request: WireRequest, _: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        question = protocol.read_question(request, interface)
        x = pd.DataFrame(question.rows, columns=FEATURES)
        if regress:
            raw = Answer(values=model.predict(x))
        else:
            p = model.predict_proba(x)
            raw = Answer(labels=p.argmax(axis=1), scores=p)
        shown = policy.apply(raw, question.rows)
        return 200, protocol.write_answer(shown, question, interface), {}

    return answer


LIVE = 'url = "{url}"\nprotocol = "mlflow"'


def figures(record):
    return [(c.attack, c.access, c.primary, c.figures, c.verdict) for c in record.cells]


@pytest.mark.parametrize("steps", [(), (Round(digits=1),), (HardLabel(),)])
def test_an_endpoint_gives_the_figures_of_its_model_under_its_policy(folder, steps):
    kind = fitted(max_leaf_nodes=30)
    save_model(kind, folder / "model.skops")
    policy = Policy(steps)
    wanted = replace(configured(folder), policies={"open": policy}, attacks=("loss", "gap"))
    with served(endpoint(kind, policy=policy)) as url:
        made = configured(
            folder, model=LIVE.format(url=url), data=TWO_FILES + f"\nfeatures = {FEATURES}"
        )
        assert (made.kind, made.target.classes) == ("http", (0, 1))
        assert made.target.channels == (SCORES if len(steps) != 1 or steps[0].kind == "round" else
                                        Channel.LABEL)  # fmt: skip
        live = run_audit(replace(made, attacks=("loss", "gap")), out=None, now=now)
    local = run_audit(wanted, out=None, now=now)
    assert figures(live) == figures(local)


def test_what_an_endpoint_answers_is_part_of_its_name(folder):
    """So that figures kept from an earlier run are not taken for those of another policy."""
    kind = fitted(max_leaf_nodes=30)
    policy = [Policy()]

    def answer(request, headers):
        return endpoint(kind, policy=policy[0])(request, headers)

    def digest() -> str:
        data = TWO_FILES + f"\nfeatures = {FEATURES}"
        return configured(folder, model=LIVE.format(url=url), data=data).model_digest

    with served(answer) as url:
        first, again = digest(), digest()
        policy[0] = Policy((HardLabel(),))
        assert first == again != digest()


def test_an_endpoint_with_values_is_audited(folder):
    kind = fitted(DecisionTreeRegressor, max_leaf_nodes=30)
    with served(endpoint(kind, policy=Policy(), regress=True)) as url:
        made = configured(
            folder,
            model=LIVE.format(url=url) + '\ntask = "regression"',
            data=TWO_FILES + f"\nfeatures = {FEATURES}",
        )
        assert made.target.channels == Channel.VALUE
        assert access(audited(made, "loss")) == {("loss", "value")}


@pytest.mark.parametrize("kind", ["label", "score", "both", "value"])
def test_a_recorded_log_is_audited(folder, kind):
    model = fitted(max_leaf_nodes=30)
    log = TABLE[FEATURES].copy()
    p = model.predict_proba(TABLE[FEATURES])
    if kind in ("label", "both"):
        log["answer.label"] = model.predict(TABLE[FEATURES])
    if kind in ("score", "both"):
        log["answer.score.0"], log["answer.score.1"] = p[:, 0], p[:, 1]
    if kind == "value":
        log["answer.value"] = p[:, 1]
    log.to_csv(folder / "log.csv", index=False)
    classes = "classes = [0, 1]" if kind == "score" else ""
    task = 'task = "regression"' if kind == "value" else ""
    made = configured(folder, model=f'path = "log.csv"\nkind = "replay"\n{classes}\n{task}')
    wanted = {
        "label": Channel.LABEL,
        "score": SCORES,
        "both": SCORES,
        "value": Channel.VALUE,
    }[kind]
    assert made.target.channels == wanted
    assert made.columns == tuple(FEATURES)
    record = run_audit(replace(made, attacks=("gap", "loss", "map")), out=None, now=now)
    ours = [c for c in record.cells if c.family == "membership"]
    assert ours
    assert max(c.primary.lower for c in ours) > 0.5
    # Guessing a hidden value asks about people who were never recorded.
    maps = [n for n in record.not_run if n.what.startswith("attribute/map")]
    assert maps
    assert {n.kind for n in maps} == {"not exposed"}
    assert record.exit_code == 1


def test_regressors_are_audited_through_every_policy():
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    order = np.random.default_rng(0).permutation(len(x))
    inside, outside = order[:150], order[150:]
    model = RandomForestRegressor(10, random_state=0).fit(x.iloc[inside], y.iloc[inside])
    made = from_objects(
        model,
        members=(x.iloc[inside], y.iloc[inside]),
        non_members=(x.iloc[outside], y.iloc[outside]),
        owner="Clinic",
        sensitive=["sex", "bmi"],
        policies={
            "open": Policy(),
            "round-tens": Policy((Round(-1),)),
            "noisy": Policy((KeyedNoise(scale=150.0),)),
        },
        reference_models=4,
        seed=1,
    )
    record = audited(made, "loss", "lira-online", "map")
    assert (record.model.task, record.model.score_name) == ("regression", "R2")
    assert {c.access for c in record.cells} == {"value"}
    by_id = {c.id: c for c in record.cells}
    loss = {p: by_id[f"membership/loss/value/y/{p}/all"].primary for p in made.policies}
    assert loss["open"].lower > 0.6
    assert loss["noisy"].estimate < loss["open"].estimate - 0.1
    assert {c.attribute for c in record.cells if c.attack == "map"} == {"sex", "bmi"}
    mae = {p.name: {f.metric: f.estimate for f in p.utility}["mae_after"] for p in record.policies}
    assert mae["open"] < mae["noisy"]
    assert all(c.passed for c in record.controls)


def test_a_regressor_that_knows_nobody_is_not_called_leaky():
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    made = from_objects(
        DecisionTreeRegressor(max_depth=1).fit(x[:200], y[:200]),
        members=(x[:200], y[:200]),
        non_members=(x[200:], y[200:]),
        owner="Clinic",
    )
    record = audited(made, "loss")
    assert record.exit_code in (0, 2)


def test_words_are_audited_behind_a_pipeline():
    from reticent.audit.trainer import builtin_learner

    x, y = people()
    order = np.random.default_rng(0).permutation(len(x))[:360]
    x, y = x.iloc[order], y[order]
    model = builtin_learner("forest", task="classification", x=x)
    model.set_params(randomforestclassifier__n_estimators=20)
    made = from_objects(
        model.fit(x.iloc[:150], y[:150]),
        members=(x.iloc[:150], y[:150]),
        non_members=(x.iloc[150:], y[150:]),
        owner="Model risk",
        sensitive=["affair"],
        policies={"hard": Policy((HardLabel(),)), "open": Policy()},
    )
    assert made.domains["affair"].values.tolist() == ["no", "yes"]
    record = audited(made, "map")
    assert {c.access for c in record.cells if c.policy == "hard"} == {"label"}
    assert any(f.metric.startswith("recall[affair=") for c in record.cells for f in c.figures)
    assert encoded(x)["affair"].isin([0.0, 1.0]).all()
