"""Every server that can be run answers as recorded; where there is none, the reason is told."""

import pytest

from served.exchange import Answer, Ask, Exchange, recordings, send
from served.fixtures import kserve, llama_cpp, mlflow, mlserver, triton  # noqa: F401
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


@pytest.mark.parametrize("name", REAL)
def test_answers_as_recorded(name: str, request: pytest.FixtureRequest) -> None:
    served: Served = request.getfixturevalue(name.replace("-", "_"))
    counts = name != "llama-cpp"
    for exchange in REAL[name].exchanges:
        answer, recorded = again(served, exchange), exchange.answer
        assert answer.status == recorded.status, exchange.what
        assert answer.headers.get("content-type") == recorded.headers.get("content-type")
        assert shape(answer, counts=counts) == shape(recorded, counts=counts), exchange.what
