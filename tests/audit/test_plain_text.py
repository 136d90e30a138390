"""A file of plain text is read whole, or refused by name."""

import pytest

from reticent.audit.plain_text import plain_text
from reticent.core import BadInput


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe\r\n")
    assert plain_text(tmp_path / "a.txt") == "Grüße\r\n"


def test_what_is_no_utf8_is_named_with_its_byte(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Gr\xfc\xdfe")
    with pytest.raises(BadInput, match=r"a\.txt: byte 2 is no UTF-8\."):
        plain_text(tmp_path / "a.txt")


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path):
    with pytest.raises(BadInput, match=r"absent\.txt: it cannot be read \(No such file"):
        plain_text(tmp_path / "absent.txt")
    with pytest.raises(BadInput, match="Is a directory"):
        plain_text(tmp_path)
