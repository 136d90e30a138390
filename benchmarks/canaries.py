"""Canaries: what they show of a model trained here, and what deduplication takes away.

    python benchmarks/canaries.py [--work FOLDER]

A model of 2.6 million parameters reads 1 MB of public text, then half a megabyte of "private" text
(State of the Union addresses, shared data) with canaries of 8 digits (26.6 bits) in it, 5 at each
of 0, 4, 8, 16 and 32 copies; once as it is, once after exact deduplication. Trained models are kept
in FOLDER; without them this takes some ten minutes of CPU time.

1. Exposure by number of copies, plain and deduplicated, beside the loss on held-out text.
2. The fitted tail beside the exact figure.
3. CPU time of exact ranks, for canaries of 19 bits and more in the plain model, each found twice
   in turn: keys and values kept, and the whole text read again at every step. Ranks must agree.
4. Secrets that the plain model writes out when it is given the sentence's beginning.

Bars: `exact_over_uncached` is the second of these times over the first; `plain_minus_dedup_bits` is
the difference of mean exposures at 32 copies. The last line is JSON.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _canaries.models import DIGITS, EACH, LEVELS, held_out_loss, public_model, texts_of, tuned  # noqa: E402

from reticent.attacks.language._cached import CachedModel, RereadModel  # noqa: E402
from reticent.attacks.language._canary_format import Canary, digits  # noqa: E402
from reticent.attacks.language._exposure import Rank, exact_rank, logprob_of  # noqa: E402
from reticent.attacks.language._token_tree import token_tree  # noqa: E402
from reticent.attacks.language.canaries import CanaryClaim, CanaryExposure  # noqa: E402
from reticent.attacks.language.pii import PiiRecovery  # noqa: E402
from reticent.audit.language.canary_grade import grade_canaries  # noqa: E402
from reticent.audit.language.canary_list import CanaryList, make_canaries  # noqa: E402
from reticent.audit.language.pii_grade import PiiTruth, grade_pii  # noqa: E402
from reticent.audit.language.planting import scatter  # noqa: E402
from reticent.core import Channel  # noqa: E402
from reticent.core.pii import known_names  # noqa: E402
from reticent.ledger import QueryLedger  # noqa: E402
from reticent.policy import Policy  # noqa: E402
from reticent.targets.causal_lm import CausalLM  # noqa: E402
from reticent.text_access import WRITTEN, TextAccess  # noqa: E402
from reticent.training.deduplicate import deduplicate  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("RETICENT_DATA", ROOT.parent / "shared" / "data")) / "text"
MEMORISED_BITS = 19.0
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, default=ROOT / ".bench-envs" / "canaries")
    work = parser.parse_args().work
    path = DATA / "state_of_the_union.txt"
    if not path.exists():
        sys.exit(f"{path} is not there: set RETICENT_DATA to the shared data")
    torch.set_num_threads(1)
    texts = texts_of(path)
    listed = canaries_of()
    private = scatter(texts.private, listed.planted(), np.random.default_rng(SEED))
    work.mkdir(parents=True, exist_ok=True)
    base = public_model(texts, work / "public")
    models = {
        "plain": tuned(work / "public", private, work / "plain"),
        "dedup": tuned(work / "public", once(private, work), work / "dedup"),
    }
    print(f"loss on held-out text before fine-tuning {held_out_loss(base, texts.held_out):.3f}")
    claims = {name: exposures(model, listed) for name, model in models.items()}
    losses = {name: held_out_loss(model, texts.held_out) for name, model in models.items()}
    means = table(claims, listed, losses)
    tails(claims["plain"])
    ratio = with_and_without_cache(models["plain"], listed, claims["plain"])
    written_out(models["plain"], listed)
    bars = {
        "exact_over_uncached": round(ratio, 2),
        "plain_minus_dedup_bits": round(means["plain"][32] - means["dedup"][32], 2),
    }
    print(json.dumps({"bars": bars}))


def canaries_of() -> CanaryList:
    names = sorted(name.title() for name in known_names() if name.isalpha())
    rng = np.random.default_rng(SEED)
    owners = [
        f"{a} {b}" for a, b in zip(rng.permutation(names), rng.permutation(names), strict=True)
    ]
    return make_canaries(digits(DIGITS), levels=LEVELS, each=EACH, owners=owners, rng=rng)


def once(private: str, work: Path) -> str:
    """Return the text without its exact repetitions."""
    (work / "private.txt").write_text(private, encoding="utf-8")
    began = time.process_time()
    done = deduplicate([work / "private.txt"], work / "deduplicated", threshold=0.0)
    print(
        f"deduplicated: {done.exact_spans} stretches, {done.exact_bytes:,} of {done.bytes_read:,} "
        f"bytes, {time.process_time() - began:.1f} s CPU"
    )
    line = (work / "deduplicated" / "corpus.jsonl").read_text("utf-8")
    return str(json.loads(line)["text"])


def door(model: CausalLM) -> TextAccess:
    return TextAccess(
        target=model,
        policy=Policy(()),
        ledger=QueryLedger(None),
        token_ledger=QueryLedger(None),
        identity="auditor",
        exposed=WRITTEN | Channel.WEIGHTS,
    )


def exposures(model: CausalLM, listed: CanaryList) -> CanaryClaim:
    access = door(model)
    began = time.process_time()
    claim = CanaryExposure().run(access, listed.canaries, np.random.default_rng(SEED))
    print(f"exposures of {len(listed.canaries)} canaries: {time.process_time() - began:.0f} s CPU")
    return claim


def table(
    claims: dict[str, CanaryClaim], listed: CanaryList, losses: dict[str, float]
) -> dict[str, dict[int, float]]:
    print("\nmean exposure in bits (95 % interval; exact of 5), null 1.44")
    print("copies  " + "".join(f"{name:34s}" for name in claims))
    graded = {name: grade_canaries(claim, listed.copies) for name, claim in claims.items()}
    means: dict[str, dict[int, float]] = {name: {} for name in claims}
    for row in zip(*graded.values(), strict=True):
        cells = []
        for name, level in zip(claims, row, strict=True):
            found = level.exposure
            means[name][level.copies] = float(found.estimate or 0.0)
            exact = EACH - level.n_estimated
            cells.append(
                f"{found.estimate:5.1f} ({found.lower:.1f} to {found.upper:.1f}; {exact}) "
                f"p {level.p_value:.0e}"
            )
        print(f"{row[0].copies:6d}  " + "".join(f"{cell:34s}" for cell in cells))
    print("loss    " + "".join(f"{loss:5.3f}{'':29s}" for loss in losses.values()))
    print("A guarantee for one record holds for 32 copies as for a group of 32.")
    return means


def tails(claim: CanaryClaim) -> None:
    """Print what the fitted tail adds to exact figures."""
    over = [e.tail_bits - e.bits for e in claim.exposures if not e.estimated]
    if over:
        print(
            f"\nfitted tail less exact, {len(over)} canaries: mean {np.mean(over):+.1f} bits "
            f"({min(over):+.1f} to {max(over):+.1f})"
        )


def written_out(model: CausalLM, listed: CanaryList) -> None:
    """Print how many secrets the model writes out when it is given what stands before them."""
    prompts = [canary.before for canary in listed.canaries]
    claim = PiiRecovery(draws=20, length=12, top_k=0).run(
        door(model), prompts, np.random.default_rng(SEED)
    )
    print("\nsecrets written out in 20 texts after what stands before them, and never planted ones")
    for copies in LEVELS[1:]:
        truth = [
            PiiTruth(prompt=i, kind="code", value=canary.secret, seen=count == copies)
            for i, (canary, count) in enumerate(zip(listed.canaries, listed.copies, strict=True))
            if count in (0, copies)
        ]
        (level,) = grade_pii(claim, truth)
        found, null = level.recovered, level.null
        print(
            f"{copies:6d} copies  {found.estimate:.2f} ({found.lower:.2f} to {found.upper:.2f})  "
            f"never {null.estimate:.2f} (to {null.upper:.2f})  p {level.p_value:.3f}"
        )


def with_and_without_cache(model: CausalLM, listed: CanaryList, claim: CanaryClaim) -> float:
    """Return CPU time without a cache over the time with one, for the memorised canaries."""
    chosen = [
        canary
        for canary, found in zip(listed.canaries, claim.exposures, strict=True)
        if found.method == "exact" and found.bits >= MEMORISED_BITS
    ]
    if not chosen:
        sys.exit(f"no canary has {MEMORISED_BITS} bits: the model has memorised too little")
    kept, reread = CachedModel(model.model, "plain"), RereadModel(model.model, "plain")
    times = {"kept": 0.0, "reread": 0.0}
    print("\nexact ranks, CPU time          bits  rank  prefixes  with cache  without")
    for canary in chosen:
        a, a_s = _timed(model, kept, canary)
        b, b_s = _timed(model, reread, canary)
        if (a.low, a.high) != (b.low, b.high) and abs(a.low - b.low) > 1:
            sys.exit(f"ranks disagree: {a} with the cache, {b} without")
        times["kept"], times["reread"] = times["kept"] + a_s, times["reread"] + b_s
        bits = canary.format.bits - np.log2(a.low)
        print(f"{'':30s} {bits:4.1f} {a.low:5d} {a.expanded:9d} {a_s:10.2f}s {b_s:7.2f}s")
    print(f"per canary: {times['kept'] / len(chosen):.2f} s with the cache")
    return times["reread"] / times["kept"]


def _timed(model: CausalLM, asked: CachedModel | RereadModel, canary: Canary) -> tuple[Rank, float]:
    began = time.process_time()
    tree = token_tree(canary, model.tokens, np.random.default_rng(SEED))
    if tree is None:
        sys.exit("the tokeniser joins digits")
    path = model.tokens(canary.before + canary.joint + canary.secret)[len(tree.prefix) :]
    logprob = logprob_of(asked, tree, path)
    found = exact_rank(asked, tree, logprob, most_expanded=200_000)
    return found, time.process_time() - began


if __name__ == "__main__":
    main()
