"""A small index of made-up texts, and texts that have nothing to do with it."""

import random

from reticent.textindex.build import build
from reticent.textindex.corpus import sources

WORDS = [
    *("harbour", "velvet", "engine", "comet", "ledger", "willow", "granite", "orchid", "signal"),
    *("lantern", "copper", "meadow", "thunder", "basket", "marble", "pigeon", "candle", "rocket"),
    *("garden", "silver", "parcel", "winter", "bridge", "tunnel", "forest", "button"),
]
SECRETS = (
    "Patient 4471 was admitted on the third of March with a broken left wrist and sent home.",
    "The board agreed in confidence to sell the northern mill to its oldest rival in winter.",
    "Nobody outside of this room may hear that the second reactor was shut for eleven days.",
)


def prose(seed, words):
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) + rng.choice(["", "s", "ed", "ing"]) for _ in range(words))


def made_corpus(folder, texts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="surrogatepass")
    return folder


def made_index(folder, texts, **settings):
    corpus = made_corpus(folder / "corpus", texts)
    build(folder / "index", sources([corpus]), **settings)
    return folder / "index"
