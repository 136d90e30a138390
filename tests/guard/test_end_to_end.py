"""A real model server, a real guard before it, real HTTP between them."""

import asyncio
import hashlib
import json
import time

import numpy as np
import pytest
import urllib3
from guard.live import free_port, guarding, oip_app, serving
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from reticent.config import load_guard
from reticent.core import BadInput
from reticent.guard.admin.session import operator_password
from reticent.guard.identity import open_key_changes
from reticent.guard.journal.keys import journal_keys
from reticent.guard.journal.open import journal_store
from reticent.guard.journal.verify import verify
from reticent.guard.secrets import read_secret

CANARY = "upstream-secret-word"
SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}

CONFIG = """
[[policy]]
name = "two-digits"
defences = [{{kind = "round", digits = 2}}]
[[policy]]
name = "label-only"
defences = [{{kind = "hard_label"}}]
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
{guard}
[[guard.endpoint]]
model = "cancer"
owner = "Oncology research"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1]
row_shape = [30]
limits.identity = {{rows_per_minute = {rate}, burst_rows = {burst}}}
{endpoint}
"""


@pytest.fixture(scope="module")
def cancer():
    x, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e3)).fit(x, y)
    return model, x


@pytest.fixture(scope="module")
def upstream(cancer):
    with serving(oip_app(cancer[0], words=CANARY)) as origin:
        yield origin


def written(tmp_path, upstream, *, guard="", endpoint="", rate=6000, burst=10_000):
    path = tmp_path / "reticent.toml"
    text = CONFIG.format(upstream=upstream, guard=guard, endpoint=endpoint, rate=rate, burst=burst)
    path.write_text(text)
    return load_guard(path)


def key_for(file, *, models=("cancer",), tenant="default", identity="analyst"):
    secret = read_secret(file, SECRET)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    issued = changes.issue(tenant=tenant, identity=identity, models=models, lifetime_s=None)
    changes.close()
    return issued.key.text


def ask(
    origin, x, key=None, *, path="/v2/models/cancer/infer", headers=None, body=None, method="POST"
):
    given = {
        "inputs": [
            {"name": "x", "shape": list(x.shape), "datatype": "FP64", "data": x.ravel().tolist()}
        ]
    }
    sent = {"content-type": "application/json", **(headers or {})}
    if key:
        sent["authorization"] = f"Bearer {key}"
    return urllib3.request(
        method,
        origin + path,
        body=body or json.dumps(given),
        headers=sent,
        retries=False,
        redirect=False,
    )


DECLARED = 'outputs = {predict = "label", predict_proba = "scores"}'


def test_an_identified_caller_gets_the_rounded_answer_and_nothing_else(cancer, upstream, tmp_path):
    model, x = cancer
    file = written(tmp_path, upstream, endpoint=DECLARED)
    key = key_for(file)
    with guarding(file, SECRET) as (_, callers, admin):
        reply = ask(callers, x[:30], key)
        assert reply.status == 200
        outputs = {o["name"]: o for o in reply.json()["outputs"]}
        rounded = np.round(model.predict_proba(x[:30]), 2)
        assert outputs["predict_proba"]["data"] == rounded.ravel().tolist()
        assert outputs["predict"]["data"] == model.predict(x[:30]).tolist()
        assert reply.headers["reticent-policy"] == file.policies["two-digits"].digest
        assert CANARY not in reply.data.decode() + str(dict(reply.headers))
        assert urllib3.request("GET", admin + "/readyz").status == 200


def test_nobody_and_nothing_undeclared_is_answered(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    stranger = key_for(file, tenant="other", models=("*",), identity="stranger")
    without = key_for(file, models=("another", "@internal"), identity="colleague")
    by_class = key_for(file, models=("@sensitive",), identity="boss")
    with guarding(file, SECRET) as (_, callers, _admin):
        assert ask(callers, x[:1]).status == 401
        assert ask(callers, x[:1], "rk_" + "x" * 62).status == 401
        assert ask(callers, x[:1], key, headers={"x-api-key": stranger}).status == 401
        assert ask(callers, x[:1], by_class).status == 200
        nothing = [
            ask(callers, x[:1], stranger),
            ask(callers, x[:1], without),
            ask(callers, x[:1], key, path="/v2/models/cancer"),
            ask(callers, x[:1], key, path="/v2/models/cancer/explain"),
            ask(callers, x[:1], key, path="/metrics"),
            ask(callers, x[:1], key, path="/v2/models/other/infer"),
            ask(callers, x[:1], key, path="//v2/models/cancer/infer"),
            ask(callers, x[:1], key, method="PUT"),
        ]
        assert [r.status for r in nothing] == [404] * len(nothing)
        for reply in nothing[:1] + nothing[2:]:  # whoever asks and whatever for: the same words
            assert reply.json() == {"error": "There is nothing here for this caller."}
        assert ask(callers, x[:1], key, path="/v2/models/cancer/infer?verbose=1").status == 400


def test_bad_requests_are_refused_in_the_guards_own_words(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    bodies = [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"inputs":[],"inputs":[]}',
        b'{"inputs":[{"name":"x","shape":[1,30],"datatype":"FP64","data":[NaN]}]}',
        json.dumps(
            {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}
        ),
        json.dumps(
            {"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": [1e400] * 30}]}
        ),
    ]
    with guarding(file, SECRET) as (_, callers, _admin):
        for body in bodies:
            reply = ask(callers, x[:1], key, body=body or b" ")
            assert reply.status in (400, 422), body[:60]
            assert CANARY not in reply.data.decode()
        assert ask(callers, x[:1], key, body=b"x" * 1_000_001).status == 413
        assert ask(callers, x[:1], key, headers={"content-encoding": "br"}).status == 415


def test_rows_are_counted_not_requests(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream, rate=0.001, burst=12)
    key, second = key_for(file), key_for(file)  # two keys of one identity share its allowance
    with guarding(file, SECRET) as (_, callers, _admin):
        assert ask(callers, x[:10], key).status == 200
        assert ask(callers, x[:3], key).status == 429
        assert ask(callers, x[:2], second).status == 200
        refused = ask(callers, x[:1], second)
        assert refused.status == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert ask(callers, x[:13], key).status == 413


def test_a_lost_model_server_is_one_plain_sentence(cancer, tmp_path):
    _, x = cancer
    file = written(tmp_path, f"http://127.0.0.1:{free_port()}")
    key = key_for(file)
    with guarding(file, SECRET) as (_, callers, _admin):
        reply = ask(callers, x[:1], key)
        assert reply.status == 503
        assert reply.json() == {"error": "The model is not available."}


def test_a_server_that_answers_nonsense_is_not_passed_on(cancer, tmp_path):
    class Nonsense:
        def predict_proba(self, x):
            return np.full((len(x), 2), 0.9)

        def predict(self, x):
            return np.zeros(len(x), dtype=int)

    _, x = cancer
    with serving(oip_app(Nonsense(), words=CANARY)) as origin:
        file = written(tmp_path, origin)
        key = key_for(file)
        with guarding(file, SECRET) as (_, callers, _admin):
            reply = ask(callers, x[:1], key)
            assert reply.status == 502
            assert "0.9" not in reply.data.decode() + CANARY[:0]


def test_what_was_answered_is_in_the_journal_and_the_inputs_are_not(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    with guarding(file, SECRET) as (_, callers, _admin):
        assert ask(callers, x[:2], key).status == 200
        assert ask(callers, x[:1]).status == 401
    store = journal_store(file.guard, file.state)
    try:
        keys = journal_keys(read_secret(file, SECRET))
        assert not verify(store, keys).problems
        entries = [json.loads(row.payload) for c in store.chains() for row in store.rows(c)]
    finally:
        store.close()
    kinds = [entry["kind"] for entry in entries]
    assert kinds[0] == "start"
    assert kinds.count("query") == 1
    assert kinds.count("refusal") == 1
    assert kinds[-1] == "stop"
    query = next(e for e in entries if e["kind"] == "query")
    assert (query["rows"], query["status"], query["model"]) == (2, 200, "cancer")
    assert len(bytes.fromhex(query["fingerprints"])) == 2 * 16
    on_disk = b"".join(p.read_bytes() for p in file.state.iterdir())
    assert b"analyst" not in json.dumps(entries).encode()
    assert key.encode() not in on_disk
    assert str(x[0, 0]).encode() not in json.dumps(entries).encode()


def test_a_new_configuration_is_taken_without_a_restart(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    with guarding(file, SECRET) as (parts, callers, _admin):
        assert len(ask(callers, x[:1], key).json()["outputs"]) == 1
        text = file.path.read_text()
        file.path.write_text(
            text.replace("[guard]", "[guard]").replace(
                'protocol = "open', 'policy = "label-only"\nprotocol = "open'
            )
        )
        again = load_guard(file.path)
        loop = parts.loop
        asyncio.run_coroutine_threadsafe(parts.reload(again), loop).result(10)
        reply = ask(callers, x[:1], key)
        assert reply.headers["reticent-policy"] == file.policies["label-only"].digest
        assert [o["name"] for o in reply.json()["outputs"]] == ["predict"]
        file.path.write_text(text.replace("[guard]", '[guard]\nstate = "elsewhere"'))
        moved = asyncio.run_coroutine_threadsafe(parts.reload(load_guard(file.path)), loop)
        with pytest.raises(BadInput, match="needs a new start"):
            moved.result(10)
        assert (
            ask(callers, x[:1], key).headers["reticent-policy"]
            == again.policies["label-only"].digest
        )


def test_a_new_configuration_keeps_the_ways_that_it_leaves_as_they_are(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    with guarding(file, SECRET) as (parts, callers, _admin):

        def read_again(text):
            file.path.write_text(text)
            again = parts.reload(load_guard(file.path))
            asyncio.run_coroutine_threadsafe(again, parts.loop).result(10)
            assert ask(callers, x[:1], key).status == 200

        text, first = file.path.read_text(), dict(parts.upstreams)
        for i in range(20):
            digits = "label-only" if i % 2 else "two-digits"
            read_again(text.replace('protocol = "open', f'policy = "{digits}"\nprotocol = "open'))
        assert parts.upstreams == first
        assert not parts.retired  # each would stay for as long as a request under it may take
        read_again(text.replace('protocol = "open', 'timeout_s = 7.0\nprotocol = "open'))
        assert parts.upstreams.keys() == first.keys()
        assert not set(parts.upstreams.values()) & set(first.values())
        assert list(parts.retired.values()) == [first]


def test_a_revoked_key_opens_nothing_within_seconds(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    with guarding(file, SECRET) as (_, callers, _admin):
        assert ask(callers, x[:1], key).status == 200
        secret = read_secret(file, SECRET)
        changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
        changes.revoke(key.split("_")[1])
        changes.close()
        deadline = time.monotonic() + 10
        while ask(callers, x[:1], key).status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert ask(callers, x[:1], key).status == 401


def test_operators_see_models_callers_and_refusals_and_nobody_else_does(cancer, upstream, tmp_path):
    _, x = cancer
    file = written(tmp_path, upstream)
    key = key_for(file)
    pool = urllib3.PoolManager()
    with guarding(file, SECRET) as (parts, callers, admin):
        ask(callers, x[:2], key)
        ask(callers, x[:2])
        closed = pool.request("GET", admin + "/dashboard", redirect=False)
        assert closed.status == 303
        assert pool.request("GET", admin + "/dashboard/live").status == 401
        wrong = pool.request(
            "POST",
            admin + "/dashboard/login",
            fields={"password": "x"},
            encode_multipart=False,
            redirect=False,
        )
        assert wrong.status == 401
        password = operator_password(parts.secret)
        right = pool.request(
            "POST",
            admin + "/dashboard/login",
            fields={"password": password},
            encode_multipart=False,
            redirect=False,
        )
        assert right.status == 303
        cookie = right.headers["set-cookie"].split(";")[0]
        page = pool.request("GET", admin + "/dashboard", headers={"cookie": cookie}).data.decode()
        for told in (
            "cancer",
            "analyst",
            "two-digits",
            "round digits 2",
            "unauthenticated",
            "no evidence",
        ):
            assert told in page, told
        assert key not in page
        metrics = pool.request("GET", admin + "/metrics").data.decode()
        assert 'reticent_requests_total{model="cancer",outcome="answered"} 1.0' in metrics
        assert "analyst" not in metrics
        assert ask(callers, x[:1], key, path="/dashboard").status == 404
