"""ART's membership attacks on one forest, told the membership of half of the people.

Arguments: the case (npz) and where to put the scores (npz). Runs in ART's own environment.
"""

import sys
import time
import warnings

import numpy as np
from art.attacks.inference.membership_inference import (
    MembershipInferenceBlackBox,
    MembershipInferenceBlackBoxRuleBased,
)
from art.estimators.classification.scikitlearn import ScikitlearnRandomForestClassifier
from sklearn.ensemble import RandomForestClassifier

warnings.filterwarnings("ignore")
case = np.load(sys.argv[1])
x, y, is_member, known = case["x"], case["y"], case["is_member"], case["known"]
model = RandomForestClassifier(random_state=int(case["seed"])).fit(x[is_member], y[is_member])
target = ScikitlearnRandomForestClassifier(model=model)
started = time.process_time()
scores = {}
for kind in ("rf", "gb", "lr", "dt", "knn"):
    attack = MembershipInferenceBlackBox(target, attack_model_type=kind)
    members, others = known & is_member, known & ~is_member
    attack.fit(x[members], y[members], x[others], y[others])
    try:
        told = np.asarray(attack.infer(x, y, probabilities=True), dtype=np.float64)
    except (AttributeError, NotImplementedError, ValueError):  # no probabilities of this kind
        told = np.asarray(attack.infer(x, y), dtype=np.float64)
    scores[f"scores_{kind}"] = told.reshape(len(x), -1)[:, -1]
rule = MembershipInferenceBlackBoxRuleBased(target)
scores["scores_rule"] = np.asarray(rule.infer(x, y), dtype=np.float64).reshape(-1)
np.savez(sys.argv[2], cpu_s=time.process_time() - started, **scores)
