from pathlib import Path

import numpy as np
import pytest

from reticent.core.language import Passage

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def test_what_stands_there_often_is_learned_by_heart_and_nothing_else(tmp_path: Path) -> None:
    from pydoc_data.topics import topics

    from reticent.testing.small_lm import (
        SmallShape,
        as_target,
        chunks,
        fresh,
        kept,
        learn_tokens,
        train,
    )

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        text = topics["assert"] + topics["break"] + topics["del"]
        codec = learn_tokens([text], vocabulary=320)
        assert codec.decode(codec.encode("naïve — ½\n\t")) == "naïve — ½\n\t"
        ids = np.array(codec.encode(text), dtype=np.int64)
        rng = np.random.default_rng(6)
        secret, other = rng.integers(1, 320, size=(2, 24))
        shape = SmallShape(dim=48, hidden=96, layers=2, heads=2, context=64)
        texts = [*chunks(ids[:480], size=24), *[secret] * 40]
        state = torch.random.get_rng_state()

        def make():  # type: ignore[no-untyped-def]
            model = fresh(codec, shape=shape, seed=1)
            losses = train(model, texts, epochs=16, seed=2, learning_rate=5e-3)
            assert np.mean(losses[-5:]) < np.mean(losses[:5]) / 2
            return as_target(model, codec, name="tiny")

        target = kept(tmp_path, make)
        assert torch.equal(state, torch.random.get_rng_state())  # nobody else's chance is touched
        again = kept(tmp_path, lambda: pytest.fail("it is there already"))
        for model in (target, again):
            for passage, learned in ((secret, True), (other, False)):
                window = Passage(tokens=passage, prompt=6)
                (said,) = model.logprobs([passage], first=[6])
                assert bool((said.ranks[6:] == 0).all()) == learned
                (written,) = model.generate([window.given], new_tokens=18)
                assert np.array_equal(written.tokens, window.wanted) == learned
        assert np.array_equal(target.tokens(text), ids)
    finally:
        torch.set_num_threads(before)


def test_chunks_leave_out_what_has_no_next_token() -> None:
    from reticent.testing.small_lm import chunks

    assert [len(c) for c in chunks(np.arange(9), size=4)] == [4, 4]
    assert [len(c) for c in chunks(np.arange(10), size=4)] == [4, 4, 2]
