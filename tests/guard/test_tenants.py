"""One tenant never sees another's models, answers, errors, counters or journal, by any route."""

import hashlib
import json
import time
from contextlib import ExitStack

import numpy as np
import pytest
from guard.every_protocol import server
from guard.live import free_port, guarding, oip_app, serving
from guard.raw import Line, written

from reticent.config import load_guard
from reticent.guard.identity import open_key_changes
from reticent.guard.journal.chain import entry_of
from reticent.guard.journal.open import journal_store
from reticent.guard.secrets import read_secret

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}
PATH = "/v2/models/m/infer"
CHAT = "/v1/chat/completions"
CONFIG = """
[[policy]]
name = "noise"
defences = [{{kind = "keyed_noise", scale = 0.1}}]
[[policy]]
name = "text"
defences = []
[guard]
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
keep_inputs = true
"""
PREDICTING = """
[[guard.endpoint]]
tenant = "{tenant}"
model = "{model}"
owner = "Tests"
protocol = "open-inference"
upstream = "{upstream}"
classes = [0, 1]
row_shape = [2]
policy = "noise"
outputs = {{predict = "label", predict_proba = "scores"}}
limits.identity = {{rows_per_minute = 0.001, burst_rows = 20, lifetime_rows = 20}}
"""
CHATTING = """
[[guard.endpoint]]
tenant = "{tenant}"
model = "{model}"
owner = "Tests"
protocol = "openai-chat"
upstream = "{upstream}"
task = "text"
policy = "text"
limits.identity = {{rows_per_minute = 1e6, burst_rows = 1000000}}
"""


class Model:
    def __init__(self, score):
        self.score = score

    def predict_proba(self, x):
        return np.tile([1 - self.score, self.score], (len(x), 1))

    def predict(self, x):
        return np.ones(len(x), dtype=int)


def question(value=0.5):
    given = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [value, 1.0]}
    return json.dumps({"inputs": [given]}).encode()


class House:
    """A guard of two tenants, "red" and "blue", each with a key for everything of theirs."""

    def __init__(self, folder, stack):
        self.stack = stack
        chat_port = free_port()
        text = CONFIG.format()
        self.upstreams = {}
        for tenant, score in (("red", 0.9), ("blue", 0.6)):
            own = stack.enter_context(serving(oip_app(Model(score), words=f"{tenant}-word")))
            self.upstreams[tenant] = own
            for model in ("m", f"{tenant}-only"):
                text += PREDICTING.format(tenant=tenant, model=model, upstream=own)
            chat = f"http://127.0.0.1:{chat_port}"
            for model in (f"{tenant}-chat", f"{tenant}-second"):
                text += CHATTING.format(tenant=tenant, model=model, upstream=chat)
        text += PREDICTING.format(
            tenant="red", model="gone", upstream=f"http://127.0.0.1:{free_port()}"
        )
        text += PREDICTING.format(tenant="blue", model="gone", upstream=self.upstreams["blue"])
        path = folder / "reticent.toml"
        path.write_text(text)
        self.file = load_guard(path)
        secret = read_secret(self.file, SECRET)
        changes = open_key_changes(self.file.guard, self.file.state, secret=secret, clock=time.time)
        self.keys = {}
        for tenant in ("red", "blue", "empty"):
            issued = changes.issue(tenant=tenant, identity="app", models=("*",), lifetime_s=None)
            self.keys[tenant] = issued.key.text
        few = changes.issue(tenant="red", identity="few", models=("red-chat",), lifetime_s=None)
        self.keys["few"] = few.key.text
        changes.close()
        self.parts, self.callers, _ = stack.enter_context(guarding(self.file, SECRET))
        by_path = {}
        for gate in self.parts.pipeline.all_gates:
            if gate.endpoint.task == "text":
                by_path.setdefault(gate.path, []).append(gate.endpoint)
        stack.enter_context(serving(server(by_path), port=chat_port))

    def ask(self, tenant, target=PATH, body=None, method="POST"):
        headers = ["Content-Type: application/json", f"Authorization: Bearer {self.keys[tenant]}"]
        with Line(self.callers) as line:
            line.send(written(target, body or question(), method=method, headers=headers))
            return line.reply()

    def chat(self, tenant, model):
        messages = [{"role": "user", "content": "Hello"}]
        return self.ask(tenant, CHAT, json.dumps({"model": model, "messages": messages}).encode())


@pytest.fixture
def house(tmp_path):
    with ExitStack() as stack:
        yield House(tmp_path, stack)


def score(reply):
    return json.loads(reply.body)["outputs"][1]["data"][1]


def test_a_name_means_the_tenants_own_model_and_noise(house):
    red, blue = house.ask("red"), house.ask("blue")
    assert (red.status, blue.status) == (200, 200)
    shift = (score(red) - 0.9, score(blue) - 0.6)
    assert abs(shift[0] - shift[1]) > 1e-9, "two tenants must not share their noise"
    assert house.ask("red").body == red.body
    gates = {g.endpoint.tenant: g for g in house.parts.pipeline.all_gates if g.model == "m"}
    assert gates["red"].secret != gates["blue"].secret
    assert gates["red"].fingerprint_key != gates["blue"].fingerprint_key


def test_anothers_model_is_like_none(house):
    nothing = house.ask("red", "/v2/models/nobodys/infer")
    assert nothing.status == 404
    for tenant, target in (
        ("red", "/v2/models/blue-only/infer"),
        ("blue", "/v2/models/red-only/infer"),
        ("empty", PATH),
        ("empty", CHAT),
        ("few", PATH),
        ("few", "/v2/models/red-only/infer"),
    ):
        assert house.ask(tenant, target) == nothing, (tenant, target)
        assert house.ask(tenant, target, b"{") == nothing
        assert house.ask(tenant, target, method="GET") == nothing
    assert house.ask("red", "/v2/models/red-only/infer").status == 200


def test_anothers_name_in_a_body_is_like_no_name(house):
    assert house.chat("red", "red-chat").status == 200
    assert house.chat("red", "red-second").status == 200
    assert house.chat("few", "red-chat").status == 200
    nothing = house.chat("red", "nobodys")
    assert nothing.status == 404
    assert house.chat("red", "blue-chat") == nothing
    assert house.chat("blue", "red-second") == house.chat("blue", "nobodys")
    # Who may ask one model only hears the same of a colleague's as of nobody's.
    assert house.chat("few", "red-second") == house.chat("few", "nobodys")
    assert house.chat("few", "red-second").status != 200


def test_one_tenant_spends_nothing_of_anothers(house):
    for i in range(20):
        assert house.ask("red", body=question(i)).status == 200
    spent = house.ask("red")
    assert spent.status == 429
    assert "blue" not in spent.told.decode()
    for i in range(20):  # the same identity's name, the same address, the same model's name
        assert house.ask("blue", body=question(i)).status == 200
    assert house.ask("blue").status == 429


def test_one_tenants_trouble_is_not_anothers(house):
    for i in range(12):
        reply = house.ask("red", "/v2/models/gone/infer", question(i))
        assert reply.status in (502, 503)
        assert b"word" not in reply.told
        assert house.ask("blue", "/v2/models/gone/infer", question(i)).status == 200


@pytest.mark.parametrize("tenant", ["red", "empty"])
def test_no_route_of_the_callers_leads_to_what_operators_see(house, tenant):
    nothing = house.ask(tenant, "/v2/models/nobodys/infer")
    for target in (
        "/metrics",
        "/livez",
        "/readyz",
        "/",
        "/dashboard",
        "/dashboard/live",
        "/dashboard/login",
        "/openapi.json",
        "/docs",
        "/v2",
        "/v2/models/m",
        "/v2/models/m/ready",
        "/v2/repository/index",
        "/v1/models",
        "/journal",
        "/keys",
        "/state/journal.sqlite",
    ):
        for method in ("GET", "POST"):
            assert house.ask(tenant, target, method=method) == nothing, target


def test_the_journal_tells_tenants_apart_and_names_nobody(house):
    assert (house.ask("red").status, house.ask("blue").status) == (200, 200)
    assert house.ask("red", "/v2/models/blue-only/infer").status == 404
    house.stack.close()
    store = journal_store(house.file.guard, house.file.state)
    entries = [entry_of(row.payload) for c in store.chains() for row in store.rows(c)]
    store.close()
    red, blue = (e for e in entries if e.kind == "query")
    assert (red.tenant, blue.tenant) == ("red", "blue")
    assert red.identity != blue.identity  # both are called "app"
    assert red.fingerprints != blue.fingerprints  # of one row
    refused = next(e for e in entries if e.kind == "refusal")
    assert (refused.tenant, refused.model) == ("red", ""), "a try at another's model names it not"
    assert not any("app" in (e.identity, e.token) for e in entries)
