import io
import json
import logging

import pytest

from reticent.guard.logs import JsonLines, masked


@pytest.mark.parametrize(
    "secret",
    [
        "rk_ab12cd34_" + "x" * 43,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        "Bearer abcdef0123456789",
        "a" * 32 + "0" * 32,
        "postgresql://guard:hunter2@db/reticent",
        "valkey://guard:or@hunter2@db/0",
    ],
)
def test_what_looks_like_a_secret_is_masked_in_messages_and_fields(secret):
    stream = io.StringIO()
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines())
    log = logging.Logger("test")
    log.addHandler(writer)
    log.warning("got %s", secret, extra={"header": secret})
    line = json.loads(stream.getvalue())
    for kept in ("hunter2", "x" * 20, "c2lnbmF0dXJl", "abcdef0123456789", "a" * 32):
        assert kept not in stream.getvalue()
    assert "***" in line["message"]
    assert "***" in line["header"]


def test_an_error_is_named_and_not_quoted():
    stream = io.StringIO()
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines())
    log = logging.Logger("test")
    log.addHandler(writer)
    try:
        raise ValueError("patient 4711")
    except ValueError:
        log.exception("failed")
    assert "4711" not in stream.getvalue()
    assert json.loads(stream.getvalue())["error"] == "ValueError"


def test_plain_words_stay():
    assert masked("3 rows for model income at 127.0.0.1:8080") == (
        "3 rows for model income at 127.0.0.1:8080"
    )
