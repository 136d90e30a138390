"""All files below a folder are found, or what hides them is named."""

import os
from pathlib import Path

import pytest

from reticent.core import BadInput
from reticent.core.folders import files_below


@pytest.fixture
def folder(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/.hidden.txt", ".cache/c.txt", "a-b.txt"):
        place = tmp_path / "corpus" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    (tmp_path / "corpus/empty").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/e.txt").write_text("e")
    (tmp_path / "corpus/to_file").symlink_to(tmp_path / "elsewhere/e.txt")
    (tmp_path / "corpus/to_folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus/to_nothing").symlink_to(tmp_path / "nowhere")
    (tmp_path / "corpus/to_itself").symlink_to(tmp_path / "corpus/to_itself")
    os.mkfifo(tmp_path / "corpus/pipe.txt")
    return tmp_path / "corpus"


def found(folder, **how):
    return [path.relative_to(folder).as_posix() for path in files_below(folder, **how)]


def test_files_are_in_the_order_of_their_paths(folder):
    assert found(folder, hidden=False, links=False) == ["a/z.txt", "a-b.txt", "b.txt"]


def test_hidden_ones_and_links_to_files_are_in_if_asked_for(folder):
    assert found(folder, hidden=True, links=True) == [
        ".cache/c.txt", "a/.hidden.txt", "a/z.txt", "a-b.txt", "b.txt", "to_file",
    ]  # fmt: skip


def shut(monkeypatch, *closed):
    """Let a folder be listed as for somebody without permission (root is never without)."""
    listed = os.scandir

    def scandir(place):
        if Path(place).name in closed:
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return listed(place)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    shut(monkeypatch, "a")
    with pytest.raises(BadInput) as caught:
        files_below(folder, hidden=False, links=False)
    assert caught.value.what == f"{folder / 'a'}: it cannot be read (Permission denied)."


def test_a_hidden_folder_that_is_left_out_may_be_shut(folder, monkeypatch):
    shut(monkeypatch, ".cache")
    assert found(folder, hidden=False, links=False) == ["a/z.txt", "a-b.txt", "b.txt"]
    with pytest.raises(BadInput, match=r"\.cache: it cannot be read"):
        files_below(folder, hidden=True, links=False)


def test_a_file_that_cannot_be_looked_at_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").touch()
    with pytest.raises(BadInput, match="file: it cannot be read"):
        files_below(tmp_path / "folder/file", hidden=False, links=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_named(folder):
    (folder / "a").chmod(0)
    try:
        with pytest.raises(BadInput, match="Permission denied"):
            files_below(folder, hidden=False, links=False)
    finally:
        (folder / "a").chmod(0o700)
