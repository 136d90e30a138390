"""Every server that can be run answers as recorded; where there is none, the reason is told."""

import pytest

from served.exchange import Answer, Ask, Exchange, recordings, send
from served.fixtures import on, running
from served.process import Served
from served.shape import shape

REAL = {
    name: recording
    for name, recording in recordings().items()
    if recording.kind == "recorded from the real server"
}


def again(served: Served, exchange: Exchange) -> Answer:
    """Ask a running server what was asked when it was recorded."""
    url = served.others[exchange.at] if exchange.at else served.url
    body, headers = exchange.request_body, exchange.request_headers
    return send(url, Ask(exchange.what, exchange.method, exchange.path, body, headers))


@pytest.mark.parametrize("name", [on(name) for name in REAL])
def test_answers_as_recorded(name: str, request: pytest.FixtureRequest) -> None:
    served = running(name, request)
    for exchange in REAL[name].exchanges:
        # What a model writes has lengths of its own, as have statistics of what was asked before.
        counts = name != "llama-cpp" and "statistics" not in exchange.what
        answer, recorded = again(served, exchange), exchange.answer
        assert answer.status == recorded.status, exchange.what
        assert answer.headers.get("content-type") == recorded.headers.get("content-type")
        assert shape(answer, counts=counts) == shape(recorded, counts=counts), exchange.what
