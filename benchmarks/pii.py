"""Whether hostile texts make the recogniser of personal data slow: CPU time against length.

Each piece is repeated 2,000 and 32,000 times. Linear work takes 16 times as long, quadratic work
256 times. The bar is the worst median of five over all pieces.
"""

import json
import statistics
import time

from reticent.core.pii import find_pii, held_from, known_names

PIECES = (
    "a@",
    "a.",
    "1 ",
    "1-",
    "0",
    "A1",
    "Ann ",
    ":",
    "1.",
    "+1(",
    "a-",
    "@a.",
    "Ann-",
    "\u00e9",
)


def main() -> None:
    names = known_names()

    def cpu_s(piece: str, count: int) -> float:
        text = piece * count
        began = time.process_time()
        find_pii(text, given_names=names)
        held_from(text)
        return time.process_time() - began

    worst = 0.0
    for piece in PIECES:
        cpu_s(piece, 10)
        growth = statistics.median(
            cpu_s(piece, 32_000) / max(cpu_s(piece, 2_000), 1e-6) for _ in range(5)
        )
        print(f"{piece!r}: {growth:.1f} times the work for 16 times the text")
        worst = max(worst, growth)
    print(json.dumps({"bars": {"pii_growth_16x": round(worst, 1)}}))


if __name__ == "__main__":
    main()
