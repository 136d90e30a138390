"""What peers need for the same questions: told files of folded text, tells CPU seconds as JSON.

python text_filter.py CORPUS OUTPUTS (folded bytes; outputs one a line), rounds
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from fm_index import FMIndex
from pydivsufsort import divsufsort
from rbloom import Bloom

LEAST = 47
FM_BYTES = 10_000_000
BLOOM_FILLED = 4_000_000


def median_s(work, rounds):
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def main(corpus, outputs, rounds):
    text = Path(corpus).read_bytes()
    asked = Path(outputs).read_bytes().splitlines()
    told = {}
    array = np.frombuffer(text, dtype=np.uint8).copy()
    told["pydivsufsort_build_s"] = median_s(lambda: divsufsort(array), rounds)
    told["pydivsufsort_bytes"] = len(text)
    letters = text[:FM_BYTES].decode("latin-1")
    start = time.process_time()
    index = FMIndex(letters)
    told["fmindex_build_s"] = time.process_time() - start
    few = [line.decode("latin-1") for line in asked[:20]]

    def ask_fm():
        for line in few:
            for i in range(len(line) - LEAST + 1):
                if index.contains(line[i : i + LEAST]):
                    break

    told["fmindex_check_s"] = median_s(ask_fm, rounds) / len(few)
    # As large as the corpus needs; filled in part, which costs a look-up nothing.
    bloom = Bloom(len(text), 0.01)
    start = time.process_time()
    bloom.update(text[i : i + LEAST] for i in range(BLOOM_FILLED))
    told["rbloom_build_bytes_per_s"] = BLOOM_FILLED / (time.process_time() - start)
    told["rbloom_bytes"] = bloom.size_in_bits // 8

    def ask_bloom():
        for line in asked:
            for i in range(len(line) - LEAST + 1):
                if line[i : i + LEAST] in bloom:
                    break

    told["rbloom_check_s"] = median_s(ask_bloom, rounds) / len(asked)
    print(json.dumps(told))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
