"""Schemathesis over every route that a configuration can declare, with a real server behind it.

Whatever comes in: no status of 500 or more, no word of the server's, and only statuses that the
description names.
"""

import hashlib
import json
import time
from pathlib import Path

import pytest
import requests
import schemathesis
import urllib3
from guard.every_protocol import CANARY, described, server
from guard.live import free_port, guarding, serving
from hypothesis import HealthCheck, given, settings, strategies as st
from schemathesis import GenerationMode

from reticent.guard.identity import open_key_changes
from reticent.guard.openapi import describe_openapi
from reticent.guard.secrets import read_secret

SECRET = {"RETICENT_GUARD_SECRET": hashlib.sha256(b"a secret of these tests").hexdigest()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("fuzz"), free_port()
    file = described(f"http://127.0.0.1:{port}", folder)
    by_path = {}
    secret = read_secret(file, SECRET)
    changes = open_key_changes(file.guard, file.state, secret=secret, clock=time.time)
    key = changes.issue(tenant="default", identity="app", models=("*",), lifetime_s=None)
    changes.close()
    with guarding(file, SECRET) as (parts, callers, _admin):
        for gate in parts.pipeline.all_gates:
            by_path.setdefault(gate.path, []).append(gate.endpoint)
        with serving(server(by_path), port=port), requests.Session() as session:
            yield describe_openapi(file), callers, key.key.text, session


def paths():
    file = described("http://127.0.0.1:9", Path("/nowhere"))
    return sorted(describe_openapi(file)["paths"])


def headers(key, media_type="application/json"):
    return {"authorization": f"Bearer {key}", "content-type": media_type}


def test_every_example_of_the_description_is_answered(running):
    description, callers, key, _ = running
    asked = 0
    for path, item in description["paths"].items():
        for media_type, content in item["post"]["requestBody"]["content"].items():
            for example in content.get("examples", {}).values():
                value = example["value"]
                body = value if isinstance(value, str) else json.dumps(value)
                sent = headers(key, media_type)
                reply = urllib3.request("POST", callers + path, body=body, headers=sent)
                assert reply.status == 200, (path, body, reply.data)
                assert CANARY not in str(dict(reply.headers)) + reply.data.decode()
                asked += 1
    assert asked >= 30


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("path", paths())
def test_no_request_breaks_the_guard_or_the_silence(running, path, mode):
    description, callers, key, session = running
    operation = schemathesis.openapi.from_dict(description)[path]["POST"]
    named = {int(status) for status in description["paths"][path]["post"]["responses"]}

    @settings(
        max_examples=7, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy(generation_mode=mode))
    def check(case):
        case.headers = {"authorization": f"Bearer {key}"}
        reply = case.call(base_url=callers, session=session)
        assert reply.status_code < 500, (case.body, reply.status_code)
        assert reply.status_code in named
        assert CANARY not in str(reply.headers) + reply.text

    check()


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -1, 1e308, -1e308, 5e-324, -0.0, 2**53 + 1, 2**63, -(2**63) - 1, 1e-400]),
    st.sampled_from([[], {}, [[]], [{}], {"": {}}, [None], [[[[[[1]]]]]], [1] * 1001, "a" * 5000]),
    st.text(max_size=20),
    st.sampled_from(["at", "0.5", "NaN", "\x00", "\u202e", "\ud800", "FP64", "BYTES", "<s>", "\n"]),
)


def places(value, at=()):
    """Return the place of everything in a JSON value."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*at, key))


def changed(value, at, put, how):
    """Return a value with one place of it replaced, doubled, left out, or renamed."""
    if not at:
        return put
    value = value.copy()
    key, rest = at[0], at[1:]
    if rest:
        value[key] = changed(value[key], rest, put, how)
    elif how == "drop":
        del value[key]
    elif how == "double" and isinstance(value, list):
        value.insert(key, value[key])
    elif how == "rename" and isinstance(value, dict):
        value[str(put)] = value.pop(key)
    else:
        value[key] = put
    return value


@pytest.mark.parametrize("path", paths())
def test_a_good_question_with_something_odd_in_it(running, path):
    description, callers, key, session = running
    operation = description["paths"][path]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    examples = [example["value"] for example in content["examples"].values()]
    seen = set()

    @st.composite
    def bodies(draw):
        value = draw(st.sampled_from(examples))
        for _ in range(draw(st.integers(0, 2))):
            at = draw(st.sampled_from(list(places(value))))
            how = draw(st.sampled_from(["put", "put", "drop", "double", "rename"]))
            value = changed(value, at, draw(ODD), how)
        return json.dumps(value)  # escapes what cannot be encoded

    @settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(bodies())
    def check(body):
        reply = session.post(callers + path, data=body, headers=headers(key))
        assert str(reply.status_code) in operation["responses"], body
        assert reply.status_code < 500, (body, reply.status_code)
        assert CANARY not in str(reply.headers) + reply.text
        seen.add(reply.status_code)

    check()
    assert 200 in seen, "nothing came through to be checked"
    assert len(seen) >= 2


@pytest.mark.parametrize("path", paths())
def test_a_body_of_another_kind_is_no_question(running, path):
    description, callers, key, session = running
    content = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    good = json.dumps(next(iter(content["examples"].values()))["value"])
    bodies = ["1", "null", "true", "[]", "{}", "[null]", '"{"', '"["', '"x"', json.dumps(good)]
    for body in bodies:
        reply = session.post(callers + path, data=body, headers=headers(key))
        assert reply.status_code in (400, 422, 404 if "openai" in good else 400), body


def test_models_at_one_path_are_told_apart_by_their_names(running):
    description, callers, key, _ = running
    for path in ("/v1/chat/completions", "/v1/completions"):
        content = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert len(content["examples"]) == 2
        for model, example in content["examples"].items():
            for stream in (False, True):
                body = json.dumps({**example["value"], "stream": stream})
                reply = urllib3.request("POST", callers + path, body=body, headers=headers(key))
                assert reply.status == 200
                assert f'"model":"{model}"' in reply.data.decode()
                assert CANARY not in reply.data.decode()
        for named in ("another", None, 3, ["x"], "openai-embeddings-embedding"):
            body = json.dumps({**example["value"], "model": named})
            reply = urllib3.request("POST", callers + path, body=body, headers=headers(key))
            assert reply.status == 404, named
