"""Models for the canary benchmark: a public one, and what fine-tuning makes of it."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reticent.targets.causal_lm import CausalLM
from reticent.testing.small_lm import (
    SmallShape,
    as_target,
    chunks,
    fresh,
    kept,
    learn_tokens,
    train,
)

PUBLIC_BYTES = 1_000_000
PRIVATE_BYTES = 500_000
HELD_OUT_BYTES = 150_000
SHAPE = SmallShape(context=128)
LEVELS = (0, 4, 8, 16, 32)
EACH = 5
DIGITS = 8


@dataclass(frozen=True)
class Texts:
    public: str
    private: str
    held_out: str


def texts_of(path: Path) -> Texts:
    whole = path.read_text("utf-8", errors="replace")
    a, b = PUBLIC_BYTES, PUBLIC_BYTES + PRIVATE_BYTES
    return Texts(whole[:a], whole[a:b], whole[b : b + HELD_OUT_BYTES])


def public_model(texts: Texts, folder: Path, *, epochs: int = 3) -> CausalLM:
    """Return a model that has read the public text alone; digits stay tokens of their own.

    An encoding never joins what it has not seen side by side, so it learns from a text without
    digits.
    """

    def make() -> CausalLM:
        codec = learn_tokens([re.sub("[0-9]", "", texts.public)])
        model = fresh(codec, shape=SHAPE, seed=0)
        target = as_target(model, codec, name="public")
        train(
            model,
            chunks(target.tokens(texts.public), size=SHAPE.context),
            epochs=epochs,
            seed=0,
            progress=lambda step, steps, loss: _say("public", step, steps, loss),
        )
        return target

    return kept(folder, make)


def tuned(base: Path, text: str, folder: Path, *, epochs: int = 4) -> CausalLM:
    """Return the public model after it has read a private text as well."""
    from reticent.targets._language_files import open_language_model

    def make() -> CausalLM:
        target = open_language_model(base)
        train(
            target.model,
            chunks(target.tokens(text), size=SHAPE.context),
            epochs=epochs,
            seed=1,
            progress=lambda step, steps, loss: _say(folder.name, step, steps, loss),
        )
        return target

    return kept(folder, make)


def held_out_loss(target: CausalLM, text: str) -> float:
    """Return the mean loss in nats a token on a text that no model has read."""
    pieces = chunks(target.tokens(text), size=SHAPE.context)
    said = target.logprobs(pieces, first=[1] * len(pieces))
    return -float(np.mean(np.concatenate([each.logprobs[1:] for each in said])))


def _say(what: str, step: int, steps: int, loss: float) -> None:
    if step % 50 == 0 or step == steps:
        print(
            f"  {what} {step}/{steps} loss {loss:.3f} cpu {time.process_time():.0f} s", flush=True
        )
