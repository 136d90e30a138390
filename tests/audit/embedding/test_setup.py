"""From reticent.toml to the audit of vectors; what is wrong is said at its line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from reticent.audit.embedding.setup import embedding_experiment
from reticent.config import EmbeddingConfig, load_audit
from reticent.core import BadInput
from reticent.testing.planted_texts import FILLS, TEMPLATE

CONFIG = """\
modality = "embedding"

[model]
owner = "Search team"
call = "bag_of_words:embed"

[data]
texts = "tickets.csv"
column = "body"
entities = ["who"]
max_texts = 40
own = "public.txt"
template = "{who} from {where} asked about {what}"

[data.slots]
who = "who.txt"
where = ["lisbon", "oslo", "turin", "riga", "porto", "ghent", "bern", "malaga"]
what = ["asthma", "diabetes", "migraine", "anaemia", "eczema", "gout", "lupus", "sepsis"]

[[policy]]
name = "open"

[[policy]]
name = "turned"
defences = [{ kind = "rotate" }]
"""
PROGRAM = [sys.executable, "-c", "import sys; from reticent.cli import main; sys.exit(main())"]
EMBEDDER = """\
import numpy as np

def embed(texts):
    out = np.zeros((len(texts), 64))
    for row, text in zip(out, texts):
        for word in text.lower().split():
            row += np.random.default_rng(list(word.encode())).normal(size=64)
    return out
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)

    def rows(count):
        return [{s: str(rng.choice(v)) for s, v in FILLS.items()} for _ in range(count)]

    attacked, own = rows(60), rows(60)
    lines = ["body,who", *(f"{TEMPLATE.format(**row)},{row['who']}" for row in attacked), ","]
    (tmp_path / "tickets.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "public.txt").write_text("\r\n".join(TEMPLATE.format(**row) for row in own))
    (tmp_path / "who.txt").write_text("\n".join(FILLS["who"]))
    (tmp_path / "bag_of_words.py").write_text(EMBEDDER)
    (tmp_path / "reticent.toml").write_text(CONFIG)
    return tmp_path


def changed(folder, old, new):
    assert old in CONFIG
    (folder / "reticent.toml").write_text(CONFIG.replace(old, new))
    return folder / "reticent.toml"


def test_a_configuration_becomes_an_experiment(folder):
    config = load_audit(folder / "reticent.toml")
    assert isinstance(config, EmbeddingConfig)
    made = embedding_experiment(config)
    assert len(made.texts) == 40
    assert all(who in text for who, text in zip(made.entities["who"], made.texts, strict=True))
    assert not set(made.texts) & set(made.own)
    assert all(not text.endswith("\r") for text in made.own)
    assert made.slots["who"] == FILLS["who"]
    assert list(made.policies) == ["open", "turned"]
    assert made.kind == "function"
    assert embedding_experiment(config).digest == made.digest


def test_the_command_line_audits_vectors_and_says_what_is_read(folder):
    done = subprocess.run(
        [
            *PROGRAM, "audit", "reticent.toml", "--out", "out", "--json",
            "--quiet", "--only", "slot-search", "--only", "entity-recovery",
        ],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["verdict"] == "finding"
    record = json.loads((folder / "out" / "record.json").read_text())
    exact = {
        (c["attack"], c["policy"]): f["estimate"]
        for c in record["cells"]
        if c["access"] == "embedding"
        for f in c["figures"]
        if f["metric"] == "exact_match"
    }
    # Who may ask learns from turned vectors as from plain ones.
    assert exact["slot-search", "open"] == exact["slot-search", "turned"] == 1.0
    assert "nearest 10 that searches still find 1.00" in (folder / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"embedding"', '"vectors"', "toml:1: modality"),
        ('owner = "Search team"\n', "", "has no owner"),
        ('call = "bag_of_words:embed"', "", "exactly one of"),
        ('call = "bag_of_words:embed"', 'path = "a.safetensors"', "tokenizer"),
        ('call = "bag_of_words:embed"', 'url = "http://127.0.0.1:1"', "served_as"),
        ('"tickets.csv"', '"ticket.csv"', "Did you mean 'tickets.csv'"),
        ("{where} asked", "{here} asked", "'here'"),
        ("{where} asked", "{where asked", "cannot be read"),
        ('who = "who.txt"', 'who = "whom.txt"', "data.slots.who"),
        ("max_texts = 40", "max_text = 40", "max_texts"),
        ('"rotate"', '"rotat"', "rotate"),
    ],
)
def test_what_is_wrong_is_said_with_a_way_out(folder, old, new, said):
    with pytest.raises(BadInput, match=said.replace("(", r"\(")):
        load_audit(changed(folder, old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('column = "body"', 'column = "txt"', "txt"),
        ('where = ["lisbon", "oslo"', 'where = ["oslo", "oslo"] #', "where has 1 values"),
        ("bag_of_words:embed", "bag_of_words:embde", "embde"),
        ('"tickets.csv"\ncolumn', '"public.txt"\ncolumn', "list of lines"),
    ],
)
def test_what_cannot_be_read_is_said(folder, old, new, said):
    config = load_audit(changed(folder, old, new))
    with pytest.raises(BadInput, match=said):
        embedding_experiment(config)


def test_files_that_are_no_texts_are_refused(folder):
    config = load_audit(folder / "reticent.toml")
    (folder / "public.txt").write_bytes(b"fine\n\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        embedding_experiment(config)
    (folder / "public.txt").write_text("fine\n" + "x" * 1_000_001)
    with pytest.raises(BadInput, match=r"public.txt:2.*1000001"):
        embedding_experiment(config)
