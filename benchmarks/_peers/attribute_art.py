"""Runs inside ART's own environment: its attribute attacks on data written by attribute.py.

Usage: attribute_art.py CASE.npz OUT.npz

The target is fitted here on the same rows with the same seed, since ART wants it live.
"""

import sys
import time
import warnings

import numpy as np
from art.attacks.inference.attribute_inference import (
    AttributeInferenceBlackBox,
    AttributeInferenceWhiteBoxLifestyleDecisionTree,
)
from art.estimators.classification.scikitlearn import (
    ScikitlearnDecisionTreeClassifier,
    SklearnClassifier,
)
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

warnings.filterwarnings("ignore")
try:
    import torch

    torch.set_num_threads(1)
    KINDS = ("nn", "rf", "gb", "lr", "dt")
except ImportError:
    KINDS = ("rf", "gb", "lr", "dt")


def black_box(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    model = RandomForestClassifier(int(case["trees"]), random_state=int(case["seed"]))
    model.fit(case["x_train"], case["y_train"])
    target = SklearnClassifier(model=model)
    hidden, x = int(case["hidden"]), case["x_victim"]
    values = sorted(np.unique(case["x_aux"][:, hidden]).tolist())
    out = {"target_labels": model.predict(x)}
    known = np.delete(x, hidden, axis=1)
    prediction = np.argmax(target.predict(x), axis=1).reshape(-1, 1)  # observed: not in the time
    for kind in KINDS:
        np.random.seed(int(case["seed"]))  # noqa: NPY002, TID251  ART's way
        start = time.process_time()
        attack = AttributeInferenceBlackBox(target, attack_model_type=kind, attack_feature=hidden)
        attack.fit(case["x_aux"], case["y_aux"])
        guess = attack.infer(known, y=case["y_victim"], pred=prediction, values=values)
        out[f"cpu_s_{kind}"] = np.array(time.process_time() - start)
        out[f"guess_{kind}"] = np.asarray(guess).ravel()
    return out


def lifestyle(case: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    model = DecisionTreeClassifier(random_state=int(case["seed"]))
    model.fit(case["x_train"], case["y_train"])
    hidden = int(case["hidden"])
    attack = AttributeInferenceWhiteBoxLifestyleDecisionTree(
        ScikitlearnDecisionTreeClassifier(model), attack_feature=hidden
    )
    known = np.delete(case["x_victim"], hidden, axis=1)
    times = []
    for _ in range(int(case["repeats"])):
        start = time.process_time()
        guess = attack.infer(known, values=case["values"].tolist(), priors=case["priors"].tolist())
        times.append(time.process_time() - start)
    return {
        "cpu_s": np.array(times),
        "guess": np.asarray(guess).ravel(),
        "target_labels": model.predict(case["x_victim"]),
    }


def main() -> None:
    with np.load(sys.argv[1]) as stored:
        case = {name: stored[name] for name in stored.files}
    run = {"black_box": black_box, "lifestyle": lifestyle}[str(case["what"])]
    np.savez(sys.argv[2], **run(case))


if __name__ == "__main__":
    main()
