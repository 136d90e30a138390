"""Structured logs: one JSON object a line, with secrets masked whatever puts them there."""

import json
import logging
import re
import sys
import time
from typing import TextIO, final

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRETS = re.compile(
    r"rk_[A-Za-z0-9_-]{8,}"  # our own keys
    r"|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*"  # JSON web tokens
    r"|(?i:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"
    r"|\b[0-9a-fA-F]{64}\b"  # secrets in hexadecimal; digests of policies too, which is no loss
    r"|(?<=://)[^/\s]+(?=@)"  # user:password@ in addresses, the password with an @ of its own
)


def masked(text: str) -> str:
    """Return a text without anything that looks like a secret.

    >>> masked("Bearer abcdefgh12345 at valkey://me:pw@host/0")
    '*** at valkey://***@host/0'
    """
    return _SECRETS.sub("***", text)


@final
class JsonLines(logging.Formatter):
    """Formats a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; extra fields of the record become fields of the object."""
        shown: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _PLAIN:
                shown[name] = masked(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0] is not None:
            shown["error"] = record.exc_info[0].__name__  # its text may quote a question
        return json.dumps(shown, default=lambda other: masked(str(other)), ensure_ascii=True)


def write_json_lines(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Have everything that is logged in this process written to `stream` as JSON lines."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [writer]
    root.setLevel(level)
