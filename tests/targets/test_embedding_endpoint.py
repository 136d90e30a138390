"""An embeddings endpoint is a real server here, and it has its bad days."""

import json

import numpy as np
import pytest
from targets.endpoint import served

from reticent.core import Answer, BadAnswer, BadInput, Channel, as_texts
from reticent.policy import Policy
from reticent.protocols import Interface, WireRequest
from reticent.protocols.openai_embeddings import OpenAIEmbeddings
from reticent.targets.embedding_endpoint import open_embedder
from reticent.testing.planted_texts import projected_bag

TEXTS = [f"row {i} of the corpus" for i in range(10)]
INTERFACE = Interface(model="m", task="embedding")


class Server:
    """Answers as the protocol does; `bad` says which requests, counted from 1, go wrong and how."""

    def __init__(self, bad: dict[int, tuple[int, dict[str, str]]], *steps: dict[str, object]):
        self.bad, self.policy = bad, Policy.from_list(list(steps))
        self.asked: list[list[str]] = []
        self.requests = 0

    def __call__(
        self, request: WireRequest, _: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        self.requests += 1
        if self.requests in self.bad:
            status, headers = self.bad[self.requests]
            return status, b'{"error":{"message":"not now"}}', headers
        protocol = OpenAIEmbeddings()
        question = protocol.read_question(request, INTERFACE)
        self.asked.append([row[0] for row in question.rows])
        raw = projected_bag("e", 1).answer(as_texts(self.asked[-1]))
        shown = self.policy.apply(raw, question.rows, secret=b"s")
        return 200, protocol.write_answer(shown, question, INTERFACE), {}


def test_vectors_over_the_wire_are_those_of_the_model_under_the_policy():
    steps = [
        {"kind": "rotate"},
        {"kind": "keyed_noise", "scale": 0.1},
        {"kind": "round", "digits": 3},
    ]
    server = Server({}, *steps)
    with served(server) as url:
        found = open_embedder(url, model="m", batch_texts=4).answer(as_texts(TEXTS))
    x = as_texts(TEXTS)
    wanted = Policy.from_list(steps).apply(projected_bag("e", 1).answer(x), x, secret=b"s")
    assert np.array_equal(found.embeddings, wanted.embeddings)
    assert [len(texts) for texts in server.asked] == [1, 4, 4, 2]


def test_limits_and_errors_are_waited_out_longer_each_time():
    bad = {2: (429, {}), 3: (503, {}), 4: (500, {}), 6: (429, {"retry-after": "9"})}
    server, slept = Server(bad), []
    with served(server) as url:
        target = open_embedder(url, model="m", batch_texts=8, back_off_s=0.5, sleep=slept.append)
        found = target.answer(as_texts(TEXTS))
    assert found.embeddings.shape == (10, 48)
    assert slept == [0.5, 1.0, 2.0, 9.0]


def test_what_was_answered_is_kept_and_a_second_run_asks_for_the_rest(tmp_path):
    """The server fails for good in the third block: two blocks are on disk."""
    bad = {i: (503, {}) for i in range(4, 60)}
    server, slept = Server(bad), []
    with served(server) as url:
        target = open_embedder(
            url, model="m", kept=tmp_path, batch_texts=3, wait_s=10, sleep=slept.append
        )
        with pytest.raises(BadAnswer, match="503"):
            target.answer(as_texts(TEXTS))
    assert sum(slept) <= 10
    again = Server({})
    with served(again) as url:
        target = open_embedder(url, model="m", kept=tmp_path, batch_texts=3)
        found = target.answer(as_texts(TEXTS))
    assert [text for texts in again.asked[1:] for text in texts] == TEXTS[6:]
    np.testing.assert_allclose(
        found.embeddings, projected_bag("e", 1).answer(as_texts(TEXTS)).embeddings
    )


def test_an_endpoint_that_shows_no_vectors_is_refused():
    server = Server({}, {"kind": "withhold", "channels": ["embedding"]})
    with served(server) as url, pytest.raises((BadAnswer, BadInput)):
        open_embedder(url, model="m")


def test_vectors_of_another_width_than_before_are_refused():
    def changing(request: WireRequest, _: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        n = len(json.loads(request.body)["input"])
        protocol, question = (
            OpenAIEmbeddings(),
            OpenAIEmbeddings().read_question(request, INTERFACE),
        )
        answer = Answer(embeddings=np.ones((n, 2 + n)))
        return 200, protocol.write_answer(answer, question, INTERFACE), {}

    with served(changing) as url:
        target = open_embedder(url, model="m", batch_texts=3)
        with pytest.raises(BadAnswer, match="width"):
            target.answer(as_texts(TEXTS[:5]))


def test_it_offers_vectors_and_nothing_else():
    with served(Server({})) as url:
        target = open_embedder(url, model="m")
    assert target.channels == Channel.EMBEDDING
    assert (target.classes, target.columns) == ((), ())
