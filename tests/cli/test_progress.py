import io

import pytest

from reticent.cli.progress import listener
from reticent.core.events import Progress


def step(done: int, *, reused: bool = False) -> Progress:
    return Progress(stage="cells", done=done, total=2, what=f"cell {done}", reused=reused)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_a_stage_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(quiet=False) as listen:
        listen(step(1))
        listen(step(2))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "Attacking (2)\n"


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with listener(quiet=True) as listen:
        listen(step(1))
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with listener(quiet=False) as listen:
        listen(step(1))
        listen(step(2, reused=True))
    shown = terminal.getvalue()
    assert "2/2" in shown
    assert "left" in shown
    assert "(kept)" in shown
