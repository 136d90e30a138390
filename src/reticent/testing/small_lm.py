"""A small language model, trained here from scratch on the CPU: what it memorised is known.

Needs the extra `language`. About two and a half million parameters, some thousands of tokens a
second: enough to learn a passage by heart after a dozen copies, and not after one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reticent.core import Ints
from reticent.targets._language_files import Dtype, FolderTokens, open_language_model
from reticent.targets.causal_lm import CausalLM

BEGIN = "<|begin|>"
_IGNORED = -100  # a target that torch's cross entropy leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallShape:
    """Sizes of a Llama; with 2048 tokens these make 2.6 million parameters."""

    dim: int = 192
    hidden: int = 512
    layers: int = 5
    heads: int = 6
    context: int = 256


def learn_tokens(texts: Sequence[str], *, vocabulary: int = 2048) -> FolderTokens:
    """Return a byte-level BPE tokeniser of some texts; every text round-trips."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[BEGIN],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    make: Any = PreTrainedTokenizerFast
    return FolderTokens(make(tokenizer_object=learner, bos_token=BEGIN, eos_token=BEGIN))


def fresh(codec: FolderTokens, *, shape: SmallShape | None = None, seed: int) -> Any:
    """Return an untrained LlamaForCausalLM for a tokeniser."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = shape or SmallShape()
    begin = codec.tokeniser.bos_token_id
    config = LlamaConfig(
        vocab_size=len(codec.tokeniser),
        hidden_size=shape.dim,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=begin,
        eos_token_id=begin,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def chunks(tokens: Ints, *, size: int) -> list[Ints]:
    """Return a document's ids in pieces of at most `size`; none of fewer than two."""
    cut = [tokens[i : i + size] for i in range(0, len(tokens), size)]
    return [piece for piece in cut if len(piece) > 1]


def train(
    model: Any,
    texts: Sequence[Ints],
    *,
    epochs: int,
    seed: int,
    batch_texts: int = 16,
    learning_rate: float = 1e-3,
    progress: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> list[float]:
    """Train a model in place on texts, each a row of its own, and return the loss of every step.

    Texts are shuffled anew in every epoch. AdamW (0.9, 0.95), weight decay 0.01, gradients clipped
    to norm 1, a tenth of the steps of warm-up, then a cosine down to a tenth.

    Args:
        model: a causal language model of transformers.
        texts: ids, each no longer than the context; a passage planted 16 times is here 16 times.
        epochs: times that every text is seen.
        seed: of the order.
        batch_texts: texts a step.
        learning_rate: the highest.
        progress: told the step, the steps in all, and the loss.
    """
    order = np.random.default_rng(seed)
    per_epoch = -(-len(texts) // batch_texts)
    steps = epochs * per_epoch
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.01
    )
    losses: list[float] = []
    model.train()
    for _ in range(epochs):
        shuffled = order.permutation(len(texts))
        for start in range(0, len(texts), batch_texts):
            batch = [texts[i] for i in shuffled[start : start + batch_texts]]
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * _pace(len(losses), steps)
            losses.append(_step(model, optimiser, batch))
            progress(len(losses), steps, losses[-1])
    model.eval()
    return losses


def as_target(model: Any, codec: FolderTokens, *, name: str) -> CausalLM:
    """Return a trained model as a target."""
    begin = int(codec.tokeniser.bos_token_id)
    return CausalLM(
        model=model,
        codec=codec,
        name=name,
        context=int(model.config.max_position_embeddings),
        begin=begin,
        ends=(begin,),
    )


def kept(folder: Path, make: Callable[[], CausalLM], *, dtype: Dtype = "float32") -> CausalLM:
    """Return the model kept in a folder; make it and keep it there if there is none."""
    done = folder / "complete"
    if not done.is_file():
        made = make()
        codec = made.codec
        if not isinstance(codec, FolderTokens):
            raise TypeError(f"{type(codec).__name__} cannot be saved beside the model.")
        made.model.save_pretrained(folder)
        codec.tokeniser.save_pretrained(folder)
        done.touch()
    return open_language_model(folder, dtype=dtype)


def _pace(step: int, steps: int) -> float:
    warm = max(1, steps // 10)
    if step < warm:
        return (step + 1) / warm
    part = (step - warm) / max(1, steps - warm)
    return float(0.1 + 0.45 * (1 + np.cos(np.pi * part)))


def _step(model: Any, optimiser: Any, batch: Sequence[Ints]) -> float:
    widest = max(len(ids) for ids in batch)
    table = torch.zeros((len(batch), widest), dtype=torch.long)
    wanted = torch.full((len(batch), widest), _IGNORED)
    for i, ids in enumerate(batch):
        table[i, : len(ids)] = wanted[i, : len(ids)] = torch.from_numpy(ids)
    logits = model(input_ids=table, use_cache=False).logits[:, :-1]
    loss: Any = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), wanted[:, 1:].reshape(-1), ignore_index=_IGNORED
    )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())
