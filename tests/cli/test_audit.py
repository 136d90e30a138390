import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from reticent.audit.save import load
from reticent.cli import main

from .conftest import Run, environment


def test_json_is_pure_and_names_files_that_exist(
    audited: subprocess.CompletedProcess[str], out: Path
) -> None:
    summary = json.loads(audited.stdout)
    assert summary["exit_code"] == audited.returncode
    assert summary["complete"] is True
    assert set(summary["files"]) == {"json", "html", "md", "sarif", "junit"}
    for name in summary["files"].values():
        assert Path(name).stat().st_size > 0
    assert summary["digest"] == load(out / "record.json").digest
    assert {cell["id"] for cell in summary["cells"]} == {
        cell.id for cell in load(out / "record.json").cells
    }


def test_without_a_terminal_there_is_neither_bar_nor_colour(
    audited: subprocess.CompletedProcess[str],
) -> None:
    assert "\x1b" not in audited.stdout + audited.stderr
    assert "Attacking" in audited.stderr


def test_the_last_line_is_the_report(here: Path, run: Run) -> None:
    done = run("audit", "reticent.toml", "--only", "loss", "--out", "results", cwd=here)
    assert done.returncode in (0, 1, 2), done.stderr
    assert done.stdout.rstrip().splitlines()[-1] == str(Path("results") / "report.html")
    assert (here / "results" / "report.html").exists()
    attacks = {cell.attack for cell in load(here / "results" / "record.json").cells}
    assert attacks == {"loss"}


def test_quiet_prints_nothing(here: Path, run: Run) -> None:
    done = run("audit", "reticent.toml", "--only", "loss", "--quiet", cwd=here)
    assert (done.stdout, done.stderr) == ("", "")


def test_no_colour_is_respected_on_a_terminal_that_insists(here: Path, run: Run) -> None:
    insists = {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}
    coloured = run("audit", "reticent.toml", "--only", "loss", cwd=here, env=insists)
    plain = run(
        "audit", "reticent.toml", "--only", "loss", cwd=here, env=insists | {"NO_COLOR": "1"}
    )
    colours = ("\x1b[3", "\x1b[9")
    assert any(code in coloured.stdout for code in ("\x1b[1", *colours))
    assert not any(code in plain.stdout for code in colours)


def test_the_seed_on_the_command_line_counts(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    main(["audit", "reticent.toml", "--only", "loss", "--seed", "41"])
    assert load(here / "reticent-out" / "record.json").seed == 41


def test_a_leaking_model_is_a_finding(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from skops.io import dump

    members = pd.read_csv(here / "members.csv")
    members["ill"] = np.random.default_rng(1).integers(0, 2, len(members))  # nothing to learn
    members.to_csv(here / "members.csv", index=False)
    x = members.drop(columns="ill")
    forest = RandomForestClassifier(20, bootstrap=False, random_state=0).fit(x, members["ill"])
    dump(forest, here / "model.skops")
    monkeypatch.chdir(here)
    assert main(["audit", "reticent.toml", "--only", "loss"]) == 1
    assert load(here / "reticent-out" / "record.json").verdict == "finding"


def remove(name: str) -> Callable[[Path], None]:
    return lambda here: (here / name).unlink()


def rewrite(old: str, new: str) -> Callable[[Path], None]:
    def change(here: Path) -> None:
        path = here / "reticent.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return change


def rows(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def write(here: Path) -> None:
        change(pd.read_csv(here / name)).to_csv(here / name, index=False)

    return write


def everywhere(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def write(here: Path) -> None:
        for name in ("members.csv", "non_members.csv", "auxiliary.csv"):
            rows(name, change)(here)

    return write


def as_pickle(here: Path) -> None:
    with (here / "model.pkl").open("wb") as file:
        pickle.dump(_fitted(here), file)
    rewrite("model.skops", "model.pkl")(here)


def _fitted(here: Path) -> LogisticRegression:
    members = pd.read_csv(here / "members.csv")
    return LogisticRegression().fit(members.drop(columns="ill"), members["ill"])


def truncate(name: str) -> Callable[[Path], None]:
    def cut(here: Path) -> None:
        whole = (here / name).read_bytes()
        (here / name).write_bytes(whole[: len(whole) // 2])

    return cut


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(remove("reticent.toml"), "reticent.toml", id="no configuration"),
        pytest.param(remove("model.skops"), "model.skops", id="no model"),
        pytest.param(remove("members.csv"), "members.csv", id="no data"),
        pytest.param(
            rewrite('owner = "Test team"', "owner = Test team"), "reticent.toml:3", id="bad toml"
        ),
        pytest.param(rewrite('owner = "Test team"', ""), "owner", id="no owner"),
        pytest.param(rewrite('harm = "high"', 'harm = "huge"'), "huge", id="bad value"),
        pytest.param(rewrite("hard_label", "hard_labels"), "hard_labels", id="unknown defence"),
        pytest.param(rewrite('"smoker"', '"smokes"'), "smokes", id="unknown column"),
        pytest.param(rewrite('"ill"', '"sick"'), "sick", id="missing target"),
        pytest.param(
            rows("non_members.csv", lambda t: t.drop(columns="dose")), "dose", id="missing column"
        ),
        pytest.param(rows("members.csv", lambda t: t.head(3)), "3", id="three rows"),
        pytest.param(everywhere(lambda t: t.assign(smoker=1)), "smoker", id="constant column"),
        pytest.param(rows("members.csv", lambda t: t[t.ill == 1]), "single value", id="one class"),
        pytest.param(
            rows("members.csv", lambda t: t.assign(dose=np.nan)), "NaN", id="nothing but NaN"
        ),
        pytest.param(as_pickle, "--trust-model-file", id="pickle without consent"),
        pytest.param(truncate("model.skops"), "model.skops", id="truncated model"),
    ],
)
def test_bad_input_exits_4_without_a_traceback(
    spoil: Callable[[Path], None],
    says: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(here)
    monkeypatch.chdir(here)
    assert main(["audit", "reticent.toml", "--only", "loss", "--json"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert "Traceback" not in said.err
    assert "Unexpected" not in said.err


def test_an_unknown_attack_exits_4(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    assert main(["audit", "reticent.toml", "--only", "wishing"]) == 4
    said = capsys.readouterr().err
    assert "wishing" in said
    assert "reticent attacks" in said


def test_a_pickle_with_consent_is_audited_with_a_loud_warning(here: Path, run: Run) -> None:
    as_pickle(here)
    done = run("audit", "reticent.toml", "--only", "loss", "--trust-model-file", cwd=here)
    assert done.returncode in (0, 1, 2), done.stderr
    assert "WARNING" in done.stderr
    assert "model.pkl" in done.stderr


def test_bad_input_keeps_earlier_results(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    main(["audit", "reticent.toml", "--only", "loss"])
    before = (here / "reticent-out" / "record.json").read_bytes()
    remove("members.csv")(here)
    assert main(["audit", "reticent.toml", "--only", "loss"]) == 4
    assert (here / "reticent-out" / "record.json").read_bytes() == before


def finished(work: Path) -> set[str]:
    if not work.is_dir():
        return set()
    return {path.name for path in work.iterdir() if not path.name.startswith(".")}


WAITING = """
import sys, time
from reticent.audit.store import Store
from reticent.cli import main
put_arrays = Store.put_arrays
def put_or_wait(store, key, arrays):
    if len(list(store.folder.glob("*.json"))) >= 4:
        print("now", flush=True)
        time.sleep(300)  # for the signal, which else may come when all is done
    put_arrays(store, key, arrays)
Store.put_arrays = put_or_wait
sys.exit(main())
"""


def test_ctrl_c_keeps_what_was_measured_and_resume_finishes(here: Path, run: Run) -> None:
    work = here / "reticent-out" / "work"
    only = [part for name in ("loss", "lira-online", "rmia", "map") for part in ("--only", name)]
    command = ["audit", "reticent.toml", "--jobs", "1", *only]
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, *command],
        cwd=here,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stdout + stderr
    assert "Traceback" not in stderr
    assert "reticent audit reticent.toml --out reticent-out --resume --only loss" in stderr
    kept = finished(work)
    assert len(kept) >= 8

    stamps = {name: (work / name).stat().st_mtime_ns for name in kept}
    again = run(*command, "--resume", "--json", cwd=here)
    assert again.returncode in (0, 1, 2), again.stderr
    assert json.loads(again.stdout)["complete"] is True
    assert {name: (work / name).stat().st_mtime_ns for name in kept} == stamps
    record = load(here / "reticent-out" / "record.json")
    assert record.run.complete
    assert record.run.reused > 0
