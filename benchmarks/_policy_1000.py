"""CPU time of reading 1,000 class scores, applying a policy and writing what is left.

The unit is orjson's bare `dumps(loads(body))` of the same body, measured in the same run, turn by
turn. The body is what TensorFlow Serving answers: float32 probabilities as it prints them.
"""

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
import orjson

from reticent.core import check_raw
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.protocols import Interface, Question, WireResponse
from reticent.protocols.tensorflow_serving import TensorFlowServing

CLASSES = 1000
POLICIES: Mapping[str, Policy] = {
    "round": Policy((Round(digits=3),)),
    "top_k": Policy((TopK(k=5),)),
    "round_top_k": Policy((Round(digits=3), TopK(k=5))),
}


def policy_1000_over_orjson(*, rounds: int = 7, calls: int = 400) -> dict[str, float]:
    """Return policy -> CPU time over orjson's bare round trip: the median of `rounds` ratios."""
    body = _body()
    question = Question(rows=np.zeros((1, 4)), cost=1)  # type: ignore[arg-type]  # rows
    interface = Interface(model="m")
    protocol = TensorFlowServing()
    response = WireResponse(status=200, body=body)

    def answered(policy: Policy) -> bytes:
        raw = protocol.read_answer(response, question, interface)
        checked = check_raw(raw, questions=1, model="m")
        left = policy.apply(checked, question.rows, secret=b"")  # type: ignore[arg-type]  # rows
        return protocol.write_answer(left, question, interface)

    ratios: dict[str, list[float]] = {name: [] for name in POLICIES}
    for _ in range(rounds):
        bare = _cpu_s(lambda: orjson.dumps(orjson.loads(body)), calls)
        for name, policy in POLICIES.items():
            ratios[name].append(_cpu_s(lambda policy=policy: answered(policy), calls) / bare)
    return {name: statistics.median(found) for name, found in ratios.items()}


def _body() -> bytes:
    p = np.random.default_rng(3).dirichlet(np.full(CLASSES, 0.3)).astype(np.float32)
    return ('{"predictions":[[' + ",".join(map(str, p.tolist())) + "]]}").encode()


def _cpu_s(call: Callable[[], object], calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - start) / calls


if __name__ == "__main__":
    measured = policy_1000_over_orjson()
    for name, ratio in measured.items():
        print(f"{name}: {ratio:.2f} x orjson's bare round trip")
    print({"bars": {"policy_1000_over_orjson": round(max(measured.values()), 3)}})
