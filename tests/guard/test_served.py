"""Every protocol through a running guard: what real servers say, and what others are recorded to.

Each recorded request is sent to the guard as it was sent to the server. What a guard lets through
is named in a table; its bytes must be those of the server's own answer of that moment, put through
the policy. Everything else gets a few of the guard's own words, and no word of the server's.
The table at the end of the session tells what was compared, and which servers could not be run.
"""

import json

import numpy as np
import pytest
import urllib3
from guard.conforming import (
    POLICIES,
    Door,
    conforms,
    guarded,
)
from guard.tapped import Tap, at
from protocols.openai_texts import events_of
from protocols.test_recorded_predictions import ANSWERED as PREDICTED, PROTOCOLS, interface_of
from served.exchange import Answer, Exchange, recordings
from served.fixtures import on, running
from served.table import row

from reticent.protocols import Interface, Question, protocol_kinds

REAL = [n for n, r in recordings().items() if r.kind == "recorded from the real server"]
NO_ANSWER = Answer(0, {}, b"")
HUNDRED = "a hundred rows"
BATCHES = {
    "mlserver": "one row, predict_proba asked for",
    "triton": "one row, scores asked for",
    "kserve": "one row: scores",
    "mlflow": "one row, split: scores",
}
TYPED = {"content-type": "application/json"}

#: What a guard lets through, whether recorded or asked beside: server -> exchanges.
ANSWERED = {name: set(table) for name, table in PREDICTED.items()} | {
    "llama-cpp": {
        "chat, a tool forced",
        "chat",
        "chat, log-probabilities",
        "chat, log-probabilities, no alternatives",
        "chat, sampled with a seed",
        "chat, stopped by a word",
        "chat, several messages",
        "chat, two texts asked for",
        "chat, JSON asked for",
        "chat, streamed",
        "chat, streamed with log-probabilities",
        "chat, streamed with usage",
        "completion",
        "completion, log-probabilities",
        "completion, streamed",
        "completion, streamed with log-probabilities",
        "unknown model",  # this server answers with the model that it has
        "a text's embedding",
        "two texts' embeddings, in base64",
    },
    "openai": {
        "chat, plain",
        "chat, log-probabilities with two alternatives",
        "chat, log-probabilities without alternatives",
        "chat, two texts",
        "chat, a token cut inside a character: bytes tell, text does not",
        "chat, a tool called",
        "chat, refused",
        "chat, streamed",
        "chat, streamed with log-probabilities, usage and obfuscation",
        "chat, two texts streamed, interleaved",
        "completion, log-probabilities with two alternatives",
        "completion, two prompts, two texts each",
        "completion, streamed",
        "embedding, floats",
        "embedding, base64 of little-endian 32-bit floats",
        "embeddings of two texts",
    },
    "vllm": {
        "chat, plain: fields of vLLM's own, null",
        "chat, log-probabilities",
        "chat, reasoning beside the answer",
        "chat, transfer parameters and metrics, which name machines",
        "completion, log-probabilities",
        "embedding, floats",
        "embedding, base64",
    },
}
for _server, _whats in {
    "mlserver": {"gzip accepted and given, since the answer is long", HUNDRED},
    "triton": {"gzip accepted", HUNDRED},
    "kserve": {HUNDRED},
    "mlflow": {HUNDRED},
}.items():
    ANSWERED[_server] = ANSWERED[_server] | _whats


def more(server):
    """Return what a running server is asked beside what is recorded."""
    if server == "llama-cpp":
        one = {"model": "smollm2-pooled", "input": "The sky is blue"}
        two = {"model": "smollm2-pooled", "input": ["One", "Two"], "encoding_format": "base64"}
        return [
            sent("a text's embedding", "/v1/embeddings", one),
            sent("two texts' embeddings, in base64", "/v1/embeddings", two),
        ]
    like = next(e for e in recordings()[server].exchanges if e.what == BATCHES[server])
    protocol = protocol_kinds()[PROTOCOLS[server]]()
    rows = np.random.default_rng(3).uniform(0.1, 7, size=(100, 4)).round(1)
    asked = protocol.write_question(Question(rows=rows, cost=100), interface_of(server, like))
    body = json.loads(asked.body)
    if "outputs" in json.loads(like.request_body):
        body["outputs"] = json.loads(like.request_body)["outputs"]
    if server == "triton":
        body["inputs"][0]["name"] = "x"
    return [sent(HUNDRED, like.path, body)]


def sent(what, path, body):
    return Exchange(what, "POST", path, TYPED, json.dumps(body).encode(), NO_ANSWER)


def line(server, traffic, found, exchanges):
    """Return the server's line of the table."""
    kinds = sorted({door.kind for door in found.doors})
    counts = [len(found.answered), len(found.refused), len(found.hidden)]
    assert sum(counts) == len(exchanges)
    return row(recordings()[server].server, kinds, traffic, [len(exchanges), *counts])


@pytest.mark.parametrize("server", recordings())
def test_recorded_servers(server, tmp_path, record_property):
    laid_out = [NO_ANSWER]
    exchanges = recordings()[server].exchanges
    taps = {exchange.at: Tap(lambda ask: laid_out[0]) for exchange in exchanges}

    def lay_out(answer):
        laid_out[0] = answer

    found = conforms(server, exchanges, tmp_path, taps, ANSWERED[server], lay_out=lay_out)
    traffic = "recorded" if server in REAL else "from documentation"
    record_property(*line(server, traffic, found, exchanges))
    # Packed answers were recorded where they were asked for, which a guard does not do.
    wanted = {e.what for e in exchanges if "content-encoding" not in e.answer.headers}
    assert set(found.answered) == ANSWERED[server] & wanted


@pytest.mark.parametrize("server", [on(name) for name in REAL])
def test_running_servers(server, tmp_path, request, record_property):
    served = running(server, request)
    taps = {name: Tap(at(url)) for name, url in {"": served.url, **served.others}.items()}
    exchanges = [*recordings()[server].exchanges, *more(server)]
    found = conforms(server, exchanges, tmp_path, taps, ANSWERED[server])
    record_property(*line(server, "running", found, exchanges))
    assert set(found.answered) == ANSWERED[server]


def test_the_comparison_notices_a_guard_that_skips_its_policy(tmp_path):
    exchanges = [e for e in recordings()["kserve"].exchanges if e.what == "three rows: scores"]
    tap = Tap(lambda ask: exchanges[0].answer)
    whats = {exchanges[0].what}
    conforms("kserve", exchanges, tmp_path, {"": tap}, whats, lay_out=lambda answer: None)
    skipped = {task: [] for task in POLICIES}
    with pytest.raises(AssertionError):
        conforms(
            "kserve",
            exchanges,
            tmp_path,
            {"": tap},
            whats,
            lay_out=lambda answer: None,
            policies=skipped,
        )


@pytest.mark.parametrize("server", [on("llama-cpp")])
def test_a_stream_straight_from_the_server(server, tmp_path, request):
    """Without the tap, which hears a stream to its end before it passes it on."""
    served = running(server, request)
    interface = Interface(model="smollm2", task="text", path="/v1/chat/completions")
    door = Door("t", "openai-chat", interface, "")
    question = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Name a colour."}],
        "max_tokens": 8,
        "temperature": 0,
    }
    with guarded(tmp_path, server, [door], {}, POLICIES, origins={"": served.url}) as found:
        texts = []
        for stream in (False, True):
            body = json.dumps({**question, "stream": stream})
            reply = urllib3.request(
                "POST",
                found.callers + interface.path,
                body=body,
                headers={**TYPED, **door.headers},
            )
            assert reply.status == 200
            said = events_of(reply.data) if stream else [reply.json()]
            parts = [c.get("delta") or c.get("message") for e in said for c in e["choices"]]
            texts.append("".join(part.get("content") or "" for part in parts if part))
    direct = urllib3.request("POST", served.url + interface.path, json=question).json()
    assert texts == [direct["choices"][0]["message"]["content"]] * 2
    assert texts[0]
