from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.greedy import GreedyExtraction
from reticent.core import BadAnswer, BadInput, UntrustedFile
from reticent.core.language import Passage, Sampling
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.text_access import TextAccess

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

STORIES = Path(__file__).parents[3] / "shared/data/models/stories260K.bin"
needs_stories = pytest.mark.skipif(not STORIES.is_file(), reason="shared data are absent")
WARM = Sampling(temperature=0.9, top_k=20, top_p=0.95)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _tiny(kind: str = "llama", **settings: Any) -> Any:
    """A random model of a few thousand parameters, sharpened so that greedy texts vary."""
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    from reticent.targets.causal_lm import CausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        if kind == "llama":
            config: Any = LlamaConfig(
                vocab_size=97, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                num_attention_heads=2, max_position_embeddings=64, initializer_range=0.6,
                bos_token_id=0, eos_token_id=1, pad_token_id=None,
            )  # fmt: skip
            model: Any = LlamaForCausalLM(config)
        else:
            config = GPT2Config(
                vocab_size=97, n_embd=16, n_layer=2, n_head=2, n_positions=64,
                initializer_range=0.6, bos_token_id=0, eos_token_id=1,
            )  # fmt: skip
            model = GPT2LMHeadModel(config)
    return CausalLM(model=model, codec=None, name=kind, context=64, begin=0, ends=(1,), **settings)  # type: ignore[arg-type]  # no text is made here


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    return _tiny(request.param)


def _prompts() -> list[Any]:
    rng = np.random.default_rng(3)
    return [rng.integers(2, 97, size=k) for k in (3, 9, 9, 5, 14, 1)]


def test_greedy_text_is_that_of_transformers(model: Any) -> None:
    for ids, ours in zip(_prompts(), model.generate(_prompts(), new_tokens=20), strict=True):
        theirs = model.model.generate(
            torch.from_numpy(ids)[None], max_new_tokens=20, do_sample=False, pad_token_id=1
        )[0, len(ids) :].numpy()
        stop = np.flatnonzero(theirs == 1)
        assert ours.tokens.tolist() == theirs[: stop[0] if len(stop) else None].tolist()
        assert ours.ended == bool(len(stop))


def test_batches_padding_and_repeated_prompts_change_nothing(model: Any) -> None:
    prompts = [*_prompts(), _prompts()[1]]
    for sampling in (Sampling(temperature=0), WARM):
        together = model.generate(prompts, new_tokens=15, n=3, sampling=sampling, seed=8)
        alone = replace(model, batch_texts=1).generate(
            prompts, new_tokens=15, n=3, sampling=sampling, seed=8
        )
        assert [t.prompt for t in together] == [i for i in range(7) for _ in range(3)]
        for a, b in zip(together, alone, strict=True):
            assert a.tokens.tolist() == b.tokens.tolist()
            np.testing.assert_allclose(a.logprobs, b.logprobs, atol=1e-4)


def test_one_pass_says_what_generation_said(model: Any) -> None:
    prompts = _prompts()
    written = model.generate(prompts, new_tokens=15, n=2, sampling=WARM, seed=2)
    texts = [np.concatenate([prompts[w.prompt], w.tokens]) for w in written]
    first = [len(prompts[w.prompt]) for w in written]
    said = model.logprobs(texts, first=first, sampling=WARM)
    small = replace(model, batch_tokens=40).logprobs(texts, first=first, sampling=WARM)
    for w, each, again, start in zip(written, said, small, first, strict=True):
        np.testing.assert_allclose(each.logprobs[start:], w.logprobs, atol=1e-4)
        np.testing.assert_allclose(each.logprobs, again.logprobs, atol=1e-4)
        assert np.isnan(each.logprobs[:start]).all()
        assert (each.ranks[start:] < 20).all()
        assert np.isfinite(each.sampled[start:]).all()


def test_logits_worked_on_few_at_a_time_are_the_same(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reticent.targets import causal_lm

    texts = [np.arange(2, 40), np.arange(50, 61)]
    whole = model.logprobs(texts, first=[1, 3], sampling=WARM, alternatives=2, moments=True)
    monkeypatch.setattr(causal_lm, "_LOGITS", 97 * 7)  # neither divides the other
    monkeypatch.setattr(causal_lm, "_CACHED", 97 * 3)
    parts = model.logprobs(texts, first=[1, 3], sampling=WARM, alternatives=2, moments=True)
    for a, b in zip(whole, parts, strict=True):
        for name in ("logprobs", "ranks", "margins", "sampled", "means", "spreads", "others"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-5)


def test_verdicts_are_those_of_generation(model: Any) -> None:
    greedy = model.generate(_prompts(), new_tokens=12)
    rng = np.random.default_rng(4)
    passages, wanted = [], []
    for ids, text in zip(_prompts(), greedy, strict=True):
        for spoil in (False, True):
            tail = text.tokens.copy()
            if not len(tail):
                continue
            if spoil:
                place = int(rng.integers(len(tail)))
                tail[place] = (tail[place] + 1) % 97
            passages.append(Passage(tokens=np.concatenate([ids, tail]), prompt=len(ids)))
            wanted.append(not spoil)
    door = TextAccess(
        target=model, policy=Policy(), ledger=QueryLedger(), token_ledger=QueryLedger(),
        identity="a",
    )  # fmt: skip
    claim = GreedyExtraction(looks=(2, 5)).run(door, passages, TextKnowledge(), rng)
    assert claim.verdicts is not None
    assert claim.verdicts.tolist() == wanted
    assert claim.notes["ties_generated"] == 0  # nothing was generated to find out


def test_a_head_that_scales_its_logits_is_asked_as_a_whole() -> None:
    plain = _tiny()
    scaled = _tiny()

    class Scaled(type(scaled.model)):  # type: ignore[misc]
        def forward(self, *given: Any, **named: Any) -> Any:
            out = super().forward(*given, **named)
            out.logits = out.logits * 0.25
            return out

    scaled.model.__class__ = Scaled
    warm = replace(scaled)
    ids = _prompts()[4]
    said = warm.logprobs([ids], first=[1], sampling=Sampling())[0]
    wanted = plain.logprobs([ids], first=[1], sampling=Sampling(temperature=4.0))[0]
    np.testing.assert_allclose(said.logprobs, wanted.sampled, atol=1e-5)


def test_what_does_not_fit_is_refused(model: Any) -> None:
    with pytest.raises(BadInput, match="takes 64 in all"):
        model.generate([np.arange(2, 52)], new_tokens=20)
    with pytest.raises(BadInput, match="takes 64 in all"):
        model.logprobs([np.arange(2, 70)], first=[1])
    with pytest.raises(BadInput, match="knows those below 97"):
        model.generate([np.array([500])], new_tokens=2)
    with pytest.raises(BadInput, match="begin at 1"):
        model.logprobs([np.arange(2, 5)], first=[0])
    short = model.logprobs([np.arange(2, 2), np.arange(2, 3), np.arange(2, 4)], first=[1] * 3)
    assert [len(each) for each in short] == [0, 1, 2]
    assert np.isfinite(short[2].logprobs[1])
    empty = model.generate([np.array([], dtype=np.int64)], new_tokens=4)[0]
    begun = model.generate([np.array([0])], new_tokens=4)[0]
    assert empty.tokens.tolist() == begun.tokens.tolist()


def test_a_model_that_overflows_is_no_answer() -> None:
    broken = _tiny()
    with torch.no_grad():
        broken.model.model.norm.weight.fill_(torch.nan)
    with pytest.raises(BadAnswer, match="not finite"):
        broken.logprobs([np.arange(2, 6)], first=[1])
    with pytest.raises(BadAnswer, match="not finite"):
        broken.generate([np.arange(2, 6)], new_tokens=2)


@pytest.mark.data
@needs_stories
def test_stories_are_told_as_llama2c_tells_them() -> None:
    from reticent.targets import open_language_model

    model = open_language_model(STORIES)
    start = np.concatenate([[1], model.tokens("")])
    text = model.text(model.generate([start], new_tokens=40)[0].tokens)
    assert text.startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play"
    )
    assert model.text(model.tokens("Tom & the ½ bird…")) == "Tom & the ½ bird…"


@pytest.mark.data
@needs_stories
def test_a_cut_file_is_no_model(tmp_path: Path) -> None:
    from reticent.targets import open_language_model

    cut = tmp_path / "cut.bin"
    cut.write_bytes(STORIES.read_bytes()[:100_000])
    (tmp_path / "tok512.bin").write_bytes(STORIES.with_name("tok512.bin").read_bytes())
    with pytest.raises(BadInput, match="its header asks for"):
        open_language_model(cut)
    cut.write_bytes(b"\x01\x00")
    with pytest.raises(BadInput, match=r"no model in llama2\.c's legacy format"):
        open_language_model(cut)
    cut.write_bytes(STORIES.read_bytes())
    (tmp_path / "tok512.bin").write_bytes(b"\x00" * 40)
    with pytest.raises(BadInput, match=r"no tokeniser of llama2\.c"):
        open_language_model(cut)


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    from reticent.targets import open_language_model

    with pytest.raises(BadInput, match="is not there"):
        open_language_model(tmp_path / "none")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BadInput, match="neither a folder"):
        open_language_model(tmp_path / "a.txt")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UntrustedFile, match="pickle"):
        open_language_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(BadInput, match="cannot be loaded"):
        open_language_model(tmp_path)
