import errno

import pytest

from reticent.cli.exits import DEBUG, ExitCode, complain
from reticent.core import BadInput


def test_our_errors_say_what_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    error = BadInput("The answer is 41; it must be 42.", way_out="Add one.")
    assert complain(error, command="reticent audit") == ExitCode.BAD_INPUT == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "reticent audit: The answer is 41; it must be 42.\n  What to do: Add one.\n"
    )


def test_the_unexpected_names_its_place_and_how_to_see_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEBUG, raising=False)
    with pytest.raises(KeyError) as caught:
        _ = {}["absent"]
    assert complain(caught.value, command="reticent audit") == 4
    said = capsys.readouterr().err
    assert "KeyError" in said
    assert "test_exits.py:" in said
    assert f"{DEBUG}=1" in said
    assert "Traceback" not in said


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG, "1")
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    complain(caught.value, command="reticent audit")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, "--resume"), (errno.EACCES, "--out"), (errno.EEXIST, "another place")],
)
def test_a_full_or_closed_disk_has_a_way_out(
    number: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complain(OSError(number, "It will not do", "/somewhere"), command="reticent audit")
    said = capsys.readouterr().err
    assert "/somewhere" in said
    assert expected in said
