"""An audit through a running guard gives the figures of the in-process audit, to the last digit.

One `reticent.toml` names the model's file and the policy; the other names the guard that has the
same policy in force before the same model, and knows nothing else of either.
"""

import datetime as dt
import hashlib
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from guard.live import guarding, oip_app, serving
from sklearn.ensemble import RandomForestClassifier
from skops.io import dump

from reticent.audit.record import Cell
from reticent.audit.run import run_audit
from reticent.audit.setup import from_config
from reticent.config import load, load_guard
from reticent.core import BadAnswer
from reticent.guard.gates import noise_secret
from reticent.guard.identity import open_key_changes
from reticent.guard.secrets import read_secret

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
FEATURES = ["age", "dose", "smoker", "visits"]
ATTACKS = ["loss", "gap", "rmia", "csmia", "lomia", "map"]
POLICIES = {
    "open": "[]",
    "round-2": '[{kind = "round", digits = 2}]',
    "top-1": '[{kind = "top_k", k = 1}]',
    "label-only": '[{kind = "hard_label"}]',
    "noisy": '[{kind = "keyed_noise", scale = 0.2}, {kind = "round", digits = 3}]',
}
AUDIT = """
[model]
owner = "Ward 7"
reference = "logistic"
{model}
[data]
members = "members.csv"
non_members = "others.csv"
target = "ill"
features = {features}
[[sensitive]]
column = "smoker"
harm = "high"
[adversary]
reference_models = 4
shadow_models = 2
seen = ["y", "scores"]
[[policy]]
name = "{name}"
defences = {defences}
[audit]
attacks = {attacks}
seed = 7
"""
GUARD = """
[[policy]]
name = "in-force"
defences = {defences}
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
max_body_bytes = 100000000
[[guard.endpoint]]
model = "risk"
owner = "Ward 7"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1, 2]
inputs = [{inputs}]
outputs = {{predict = "label", predict_proba = "scores"}}
sensitivity = "public"
max_rows = 1000000
limits.identity = {{rows_per_minute = 1e9, burst_rows = 1000000000}}
"""
THROUGH = """
url = "{url}"
protocol = "open-inference"
served_as = "risk"
classes = [0, 1, 2]
outputs = {{predict = "label", predict_proba = "scores"}}
key_env = "AUDITOR_KEY"
batch_rows = 700
guarded = true
"""


@dataclass(frozen=True)
class Named:
    """A classifier of tables as its server calls it: with an array."""

    model: RandomForestClassifier

    def predict_proba(self, x):
        return self.model.predict_proba(pd.DataFrame(x, columns=FEATURES))

    def predict(self, x):
        return self.model.predict(pd.DataFrame(x, columns=FEATURES))


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """Return a folder with a model and its people, and the server of the model."""
    folder = tmp_path_factory.mktemp("ward")
    rng = np.random.default_rng(5)
    n = 360
    people = pd.DataFrame(
        {
            "age": rng.integers(20, 90, n),
            "dose": rng.normal(size=n).round(3),
            "smoker": rng.integers(0, 2, n),
            "visits": rng.poisson(3, n),
        }
    )
    risk = people["age"] / 60 + people["smoker"] + rng.normal(size=n)
    people["ill"] = np.digitize(risk, [1.2, 2.2])
    people[:120].to_csv(folder / "members.csv", index=False)
    people[120:].to_csv(folder / "others.csv", index=False)
    model = RandomForestClassifier(12, min_samples_leaf=2, random_state=0)
    model.fit(people[:120][FEATURES], people[:120]["ill"])
    dump(model, folder / "model.skops")
    with serving(oip_app(Named(model))) as upstream:
        yield folder, upstream


def now():
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def audited(path, *, secret=b"", attacks=()):
    return run_audit(from_config(load(path), secret=secret), out=None, now=now, only=attacks)


def written(folder, name, model, *, features=FEATURES, defences=None):
    text = AUDIT.format(
        model=model,
        name=name,
        defences=defences or POLICIES[name],
        attacks=ATTACKS,
        features=features,
    )
    path = folder / "reticent.toml"
    path.write_text(text)
    return path


def guard_of(folder, upstream, defences):
    state = folder / "guard"
    state.mkdir(exist_ok=True)
    inputs = ", ".join(f'{{name = "{name}"}}' for name in FEATURES)
    path = state / "reticent.toml"
    path.write_text(GUARD.format(defences=defences, upstream=upstream, inputs=inputs))
    return load_guard(path)


def key_of_the_auditor(file):
    secret = read_secret(file, SECRET)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    issued = changes.issue(tenant="default", identity="audit", models=("risk",), lifetime_s=3600.0)
    changes.close()
    return issued.key.text


def through(ward, monkeypatch, name, *, in_force="", attacks=()):
    """Return the record of the audit of policy `name` through a guard that has it in force.

    Or `in_force` under that name: then the guard and the audit are both told the wrong policy.
    """
    folder, upstream = ward
    defences = POLICIES[in_force or name]
    file = guard_of(folder, upstream, defences)
    monkeypatch.setenv("AUDITOR_KEY", key_of_the_auditor(file))
    with guarding(file, SECRET) as (_, callers, _admin):
        path = written(folder, name, THROUGH.format(url=callers), defences=defences)
        return audited(path, attacks=attacks)


def in_process(ward, name, *, attacks=(), features=FEATURES, secret=b""):
    """Return the record of the audit of the file, with the secret of the guard's noise."""
    folder, upstream = ward
    file = guard_of(folder, upstream, POLICIES[name])
    secret = secret or noise_secret(read_secret(file, SECRET), file.guard.endpoint[0])
    path = written(folder, name, 'path = "model.skops"', features=features)
    return audited(path, secret=secret, attacks=attacks)


def cells(record) -> dict[str, Cell]:
    """Return everything that a record says of every cell: estimates, intervals, verdicts."""
    return {cell.id: cell for cell in record.cells}


EVERY = {"loss", "gap", "rmia", "csmia", "lomia", "map"}
RUN = {"label-only": {"loss", "gap", "rmia", "lomia", "map"}}  # csmia needs scores


@pytest.mark.parametrize("name", POLICIES)
def test_the_figures_are_those_of_the_audit_of_the_file(ward, monkeypatch, name):
    live, local = through(ward, monkeypatch, name), in_process(ward, name)
    assert {cell.attack for cell in local.cells} == RUN.get(name, EVERY)
    assert cells(live) == cells(local)
    assert live.not_run == local.not_run
    assert live.policies[0].digest == local.policies[0].digest
    assert len(live.controls) == len(local.controls) > 0


def test_the_comparison_notices_a_guard_that_skips_its_policy(ward, monkeypatch):
    skipped = through(ward, monkeypatch, "round-2", in_force="open", attacks=["loss"])
    local = in_process(ward, "round-2", attacks=["loss"])
    assert list(cells(skipped)) == list(cells(local))
    assert cells(skipped) != cells(local)


def test_the_comparison_notices_another_secret(ward, monkeypatch):
    live = through(ward, monkeypatch, "noisy", attacks=["loss"])
    assert cells(live) == cells(in_process(ward, "noisy", attacks=["loss"]))
    other = in_process(ward, "noisy", attacks=["loss"], secret=b"another secret")
    assert list(cells(live)) == list(cells(other))
    assert cells(live) != cells(other)


def test_the_order_in_which_the_data_name_their_columns_changes_no_noise(ward, monkeypatch):
    """Noise is keyed by the rows as they go over the wire: in the order of the model's inputs."""
    live = through(ward, monkeypatch, "noisy", attacks=["loss"])
    turned = in_process(ward, "noisy", attacks=["loss"], features=FEATURES[::-1])
    assert cells(live) == cells(turned)


def test_a_guard_with_another_policy_than_the_one_under_audit_ends_the_audit(ward, monkeypatch):
    folder, upstream = ward
    file = guard_of(folder, upstream, POLICIES["open"])
    monkeypatch.setenv("AUDITOR_KEY", key_of_the_auditor(file))
    with guarding(file, SECRET) as (_, callers, _admin):
        path = written(folder, "round-2", THROUGH.format(url=callers))
        with pytest.raises(BadAnswer, match=r"names the policy .*, which is under audit"):
            audited(path)
    bare = THROUGH.format(url=upstream)
    with pytest.raises(BadAnswer, match="names no policy"):
        audited(written(folder, "round-2", bare))
