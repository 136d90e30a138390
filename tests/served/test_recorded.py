"""The recorded exchanges are whole, small, and tell nothing about the machine they came from."""

import json
import re

import pytest

from served.exchange import RECORDED, Answer, decoded, encoded, load, recordings
from served.shape import shape

FILES = sorted(RECORDED.glob("*.json"))
KINDS = {"recorded from the real server", "written from the documentation"}
OF_A_MACHINE = re.compile(
    rb"/(?:root|home|work|tmp|Users|var/folders)/|\.served-envs|BEGIN [A-Z ]*KEY"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_can_be_read_and_is_small(path) -> None:
    recording = load(path)
    assert recording.kind in KINDS
    assert recording.exchanges
    assert path.stat().st_size < 200_000
    whats = [exchange.what for exchange in recording.exchanges]
    assert len(set(whats)) == len(whats), "each exchange has a name of its own"
    if recording.kind == "written from the documentation":
        assert json.loads(path.read_text())["sources"]


@pytest.mark.parametrize("name", recordings())
def test_nothing_tells_about_the_machine(name: str) -> None:
    for exchange in recordings()[name].exchanges:
        for body in (exchange.request_body, exchange.answer.body):
            assert not OF_A_MACHINE.search(body), exchange.what


@pytest.mark.parametrize("name", recordings())
def test_every_answer_has_a_shape(name: str) -> None:
    for exchange in recordings()[name].exchanges:
        assert shape(exchange.answer, counts=True) is not None


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"a":[1,2.5,null]}', "body"),
        (b'"\xc3\xa9"', "body"),
        (b'{"a": NaN}', "body_text"),
        (b'{"a":1,"a":2}', "body_text"),
        (b"data: {}\r\n\r\n", "body_text"),
        (b"\x93NUMPY", "body_base64"),
        (b"{}\x00\x00", "body_base64"),
    ],
)
def test_a_body_comes_back_exactly(body: bytes, key: str) -> None:
    assert set(encoded(body)) == {key}
    assert decoded(json.loads(json.dumps(encoded(body)))) == body


def test_no_body_has_no_key() -> None:
    assert encoded(b"") == {}
    assert decoded({}) == b""


def of(text: str, **headers: str) -> Answer:
    return Answer(200, headers, text.encode())


def test_shapes_differ_where_answers_do() -> None:
    one, two = of('{"predictions":[[0.1,0.9]]}'), of('{"predictions":[[0.1,0.9],[1,0]]}')
    assert shape(one, counts=True) != shape(two, counts=True)
    assert shape(one, counts=False) == shape(two, counts=False)
    assert shape(one, counts=False) != shape(of('{"outputs":[[0.1,0.9]]}'), counts=False)
    assert shape(one, counts=False) != shape(of('{"predictions":[["a"]]}'), counts=False)
