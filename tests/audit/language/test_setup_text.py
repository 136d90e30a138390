from pathlib import Path
from typing import Any

import pytest

from reticent.audit.language.setup import read_texts, text_experiment
from reticent.config import LanguageConfig, load_audit
from reticent.core import BadAnswer, BadInput, Channel

TOML = """\
modality = "text"
[model]
url = "{url}"
served_as = "ngrams"
owner = "Support team"
[data]
training = "training"
unseen = "unseen.csv"
public = "public.txt"
[audit]
prompt = 12
wanted = 20
max_passages = 6
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "training" / "deep").mkdir(parents=True)
    (tmp_path / "training" / "a.txt").write_text("alpha " * 40)
    (tmp_path / "training" / "deep" / "b.md").write_text("beta " * 40)
    (tmp_path / "training" / "c.bin").write_bytes(b"\x00")
    (tmp_path / "training" / "empty.txt").write_text(" \n")
    rows = "\n".join(f'"{word * 40}"' for word in ("gamma ", "delta ", "eps "))
    (tmp_path / "unseen.csv").write_text("text\n" + rows + "\n")
    (tmp_path / "public.txt").write_text(
        "four score and seven years ago our fathers brought forth a new nation"
    )
    return tmp_path


def _loaded(folder: Path, url: str, *, toml: str = TOML) -> LanguageConfig:
    path = folder / "reticent.toml"
    path.write_text(toml.format(url=url))
    config = load_audit(path)
    assert isinstance(config, LanguageConfig)
    return config


def test_an_endpoint_and_its_texts_are_read(folder: Path) -> None:
    from targets.language_endpoint import Endpoint, completions

    from reticent.testing.planted_passages import plant_passages

    model: Any = plant_passages(4, seed=1).access.target
    with completions(Endpoint(model=model)) as url:
        experiment = text_experiment(_loaded(folder, url), kept=folder / "replies.jsonl")
    assert experiment.kind == "endpoint"
    assert experiment.target.unit == "byte"
    assert experiment.target.channels == Channel.TOKENS | Channel.LOGPROBS
    assert [d.document for d in experiment.training] == ["a.txt", "deep/b.md"]
    assert [d.document for d in experiment.unseen] == ["row 1", "row 2", "row 3"]
    assert experiment.target.text(experiment.training[0].tokens) == "alpha " * 40
    passages, group = experiment.passages()
    assert (group == "member").sum() == 6
    assert all((p.prompt, len(p)) == (12, 32) for p in passages)
    public = experiment.knowledge.public
    assert public is not None
    assert public.knows("Score and SEVEN years-ago our fathers brought forth: A NEW Nation")


def test_faults_are_told_at_their_lines(folder: Path) -> None:
    broken = TOML.replace('served_as = "ngrams"\n', "").replace("prompt = 12", "prompt = 0")
    with pytest.raises(BadInput) as caught:
        _loaded(folder, "http://127.0.0.1:9", toml=broken)
    assert "reticent.toml:3" in str(caught.value)
    assert "served_as" in str(caught.value)
    assert "prompt" in str(caught.value)
    (folder / "unseen.csv").unlink()
    with pytest.raises(BadInput, match=r"data\.unseen"):
        _loaded(folder, "http://127.0.0.1:9")


def test_text_that_is_none_is_refused(folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"caf\xe9")
    with pytest.raises(BadInput, match="byte 3 is no UTF-8"):
        read_texts(folder / "bad.txt", "text")
    (folder / "nothing").mkdir()
    with pytest.raises(BadInput, match="holds no text"):
        read_texts(folder / "nothing", "text")


SHORT = TOML.replace("prompt = 12", "prompt = 120")
BRIEF = TOML.replace("[data]", "wait_s = 0.0\ntimeout_s = 1.0\n[data]")


def test_texts_that_are_too_short_are_refused_before_an_endpoint_is_asked(folder: Path) -> None:
    nobody = "http://127.0.0.1:9"
    with pytest.raises(BadInput) as caught:
        text_experiment(_loaded(folder, nobody, toml=SHORT))
    # 240 and 200 bytes hold one passage of 140 each.
    assert caught.value.what == (
        "The member text has 2 passages of 140 bytes; at least 5 are needed to say anything."
    )
    with pytest.raises(BadAnswer):  # long enough: now it is asked
        text_experiment(_loaded(folder, nobody, toml=BRIEF))


def test_texts_that_are_too_short_are_refused_before_a_model_is_loaded(folder: Path) -> None:
    pytest.importorskip("transformers")
    from reticent.testing.small_lm import learn_tokens

    codec = learn_tokens(["alpha beta gamma delta eps " * 4], vocabulary=270)
    codec.tokeniser.save_pretrained(folder / "model")
    local = TOML.replace('url = "{url}"\nserved_as = "ngrams"', 'path = "model"')
    sides = [read_texts(folder / side, "text") for side in ("training", "unseen.csv")]
    lengths = [[len(codec.encode(text)) for _, text in side] for side in sides]
    size = min(map(max, lengths)) // 2
    wanted = f"prompt = {size - 20}"
    assert sum(n // size for n in lengths[0]) < 5
    with pytest.raises(BadInput, match=f"member text has . passages of {size} tokens"):
        text_experiment(_loaded(folder, "", toml=local.replace("prompt = 12", wanted)))
    enough = local.replace("prompt = 12", "prompt = 1").replace("wanted = 20", "wanted = 3")
    with pytest.raises(BadInput, match="cannot be loaded as a language model"):
        text_experiment(_loaded(folder, "", toml=enough))
