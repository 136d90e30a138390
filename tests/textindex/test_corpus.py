"""What belongs to a corpus, and what may not be passed over."""

import os
from pathlib import Path

import pytest

from reticent.core import BadInput
from reticent.textindex.corpus import sources


@pytest.fixture
def corpus(tmp_path):
    for name in ("b.txt", "in/a.txt", "in/.hidden.txt", ".git/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    return tmp_path


def test_hidden_files_and_links_are_left_out(corpus):
    assert [(s.name, s.size) for s in sources([corpus])] == [("b.txt", 5), ("in/a.txt", 8)]


def test_a_folder_that_cannot_be_read_is_no_empty_folder(corpus, monkeypatch):
    listed = os.scandir

    def scandir(place):
        if Path(place).name == "in":
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(BadInput, match=r"in: it cannot be read \(Permission denied\)"):
        sources([corpus])


def test_what_is_not_there_is_named(corpus):
    with pytest.raises(BadInput, match=r"absent: there is no such file or folder"):
        sources([corpus / "absent"])


def test_two_documents_of_one_name_are_refused(corpus):
    with pytest.raises(BadInput, match=r"Two documents are called 'b\.txt'"):
        sources([corpus, corpus / "b.txt"])
