"""A small, real model server, quick enough not to be what is measured.

    python model.py PORT

`/v2/models/cancer/infer`: a logistic regression on 30 numbers, in numpy, over the Open Inference
Protocol. `/v1/chat/completions`: a character model (which character follows which two, counted in
this very file), greedy, OpenAI's shape, streamed if asked. Both read the request and compute the
answer anew each time.
"""

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import httptools
import numpy as np
import orjson
import uvloop
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n0\r\n\r\n"
)
CHAT = b"/v1/chat/completions"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Classifier:
    """The fitted model as one matrix product."""

    def __init__(self) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        scale, model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        scaler, fitted = scale, model
        self.weights = fitted.coef_[0] / scaler.scale_
        self.bias = float(fitted.intercept_[0] - self.weights @ scaler.mean_)

    def answer(self, body: bytes) -> bytes:
        given = orjson.loads(body)["inputs"][0]
        x = np.array(given["data"], dtype=np.float64).reshape(-1, 30)
        p = 1.0 / (1.0 + np.exp(-(x @ self.weights + self.bias)))
        scores = np.stack([1.0 - p, p], axis=1)
        return orjson.dumps(
            {
                "model_name": "cancer",
                "outputs": [
                    {
                        "name": "predict_proba",
                        "datatype": "FP64",
                        "shape": [len(p), 2],
                        "data": scores.ravel().tolist(),
                    }
                ],
            }
        )


class Writer:
    """A character model: each pair of characters, and what comes next most often."""

    def __init__(self) -> None:
        text = Path(__file__).read_text(encoding="utf-8")
        counted: dict[str, Counter[str]] = {}
        for i in range(len(text) - 2):
            counted.setdefault(text[i : i + 2], Counter())[text[i + 2]] += 1
        self.next = {pair: found.most_common(1)[0][0] for pair, found in counted.items()}

    def answer(self, body: bytes) -> bytes:
        asked = orjson.loads(body)
        text = asked["messages"][-1]["content"]
        said = self.written(text, int(asked.get("max_tokens", 16)))
        return orjson.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": asked["model"],
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": said},
                        "finish_reason": "length",
                    }
                ],
                "usage": {
                    "prompt_tokens": len(text),
                    "completion_tokens": len(said),
                    "total_tokens": len(text) + len(said),
                },
            }
        )

    def written(self, text: str, letters: int) -> str:
        said = text[-2:]
        for _ in range(letters):
            said += self.next.get(said[-2:], " ")
        return said[2:]

    def stream(self, body: bytes) -> bytes | None:
        """Return the events of a streamed answer; None if none was asked for."""
        asked = orjson.loads(body)
        if not asked.get("stream"):
            return None
        said = self.written(asked["messages"][-1]["content"], int(asked.get("max_tokens", 16)))
        ends: list[tuple[str, str | None]] = [(letter, None) for letter in said]
        events = [
            {
                "id": "chatcmpl-1",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": asked["model"],
                "choices": [
                    {
                        "index": 0,
                        "delta": {"content": letter} if end is None else {},
                        "finish_reason": end,
                    }
                ],
            }
            for letter, end in [*ends, ("", "length")]
        ]
        return b"".join(b"data: %b\n\n" % orjson.dumps(event) for event in events) + (
            b"data: [DONE]\n\n"
        )


class Connection(asyncio.Protocol):
    def __init__(self, classifier: Classifier, writer: Writer) -> None:
        self.answers = {
            b"/v2/models/cancer/infer": classifier.answer,
            b"/v2/models/strict/infer": classifier.answer,
            CHAT: writer.answer,
        }
        self.writer = writer
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path = b""
        self.pieces: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self.pieces)
        if self.path == CHAT and (events := self.writer.stream(body)) is not None:
            self.transport.write(EVENTS % (len(events), events))
            return
        answer = self.answers[self.path](body)
        self.transport.write(HEAD % (len(answer), answer))


async def main(port: int) -> None:
    classifier, writer = Classifier(), Writer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(classifier, writer), "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
