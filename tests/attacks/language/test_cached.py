from typing import Any

import numpy as np
import pytest

from reticent.attacks.language._cached import CachedModel, RereadModel, cached
from reticent.attacks.language._canary_format import Canary, digits
from reticent.attacks.language._exposure import draw, exact_rank, logprob_of
from reticent.attacks.language._token_tree import token_tree
from reticent.core import BadAnswer, Ints, NotExposed


def tokens(text: str) -> Ints:
    return np.array(list(text.encode()), dtype=np.int64)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    import torch
    import transformers

    torch.manual_seed(0)
    torch.set_num_threads(1)
    if request.param == "llama":
        made: Any = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=256,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                initializer_range=0.2,
            )
        )
    else:
        made = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=256,
                n_embd=32,
                n_layer=2,
                n_head=4,
                initializer_range=0.2,
                bos_token_id=0,
                eos_token_id=0,
            )
        )
    return made.eval()


def test_branches_say_what_the_whole_text_says(model: Any) -> None:
    kept, reread = CachedModel(model, "m"), RereadModel(model, "m")
    wanted = np.arange(40, 60)
    a, at = kept.begin(tokens("the code is"), wanted)
    b, bt = reread.begin(tokens("the code is"), wanted)
    np.testing.assert_allclose(a, b, atol=1e-5)
    for rows, ids in (([0, 0, 0], [3, 4, 5]), ([2, 0], [9, 9]), ([0, 1, 1, 0], [7, 7, 8, 1])):
        a, after = kept.step(at, np.array(rows), np.array(ids), wanted)
        b, bfter = reread.step(bt, np.array(rows), np.array(ids), wanted)
        np.testing.assert_allclose(a, b, atol=1e-5)
        again, _ = kept.step(at, np.array(rows), np.array(ids), wanted)
        np.testing.assert_array_equal(a, again)  # the state before was not changed
        at, bt = after, bfter


def test_exact_rank_is_that_of_brute_force(model: Any) -> None:
    import torch

    form = digits(3)
    canary = Canary(before="the code is", secret="111", format=form)
    tree = token_tree(canary, tokens, np.random.default_rng(0))
    assert tree is not None
    with torch.inference_mode():
        whole = torch.from_numpy(np.stack([tokens(f"the code is {i:03d}") for i in range(1000)]))
        said = model(input_ids=whole).logits.log_softmax(dim=-1)
        each = said[:, 10:14].gather(2, whole[:, 11:, None]).sum(dim=(1, 2)).double().numpy()
    asked = cached(model, name="m")
    assert isinstance(asked, CachedModel)
    for i in (7, 111, 999, int(each.argmax())):
        logprob = logprob_of(asked, tree, tokens(f" {i:03d}"))
        assert logprob == pytest.approx(each[i], abs=1e-4)
        rank = exact_rank(asked, tree, logprob, batch=16, most_expanded=10**6)
        assert rank.low <= 1 + (each > each[i]).sum() <= rank.high <= rank.low + 2
    drawn = draw(asked, tree, n=4000, rng=np.random.default_rng(0), by_model=True)
    floor = np.sort(each)[-300]
    estimate = (np.exp(-drawn.drawn) * (drawn.logprobs >= floor - 1e-5)).mean()
    assert estimate == pytest.approx(300, rel=0.15)


def test_what_is_no_language_model_is_refused() -> None:
    with pytest.raises(NotExposed, match="no transformers model"):
        cached(object(), name="m")


def test_logits_that_are_no_numbers_are_refused(model: Any) -> None:
    import copy

    import torch

    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(BadAnswer, match="not finite"):
        CachedModel(broken, "m").begin(tokens("a"), tokens("b"))
