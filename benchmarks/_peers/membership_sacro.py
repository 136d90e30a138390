"""SACRO-ML's LiRA, in each of its modes, on one forest.

Arguments: the case (npz) and where to put the scores (npz). Runs in SACRO-ML's own environment.
"""

import sys
import tempfile
import time
import warnings

import numpy as np
from sacroml.attacks.likelihood_attack import LIRAAttack
from sacroml.attacks.target import Target
from sklearn.ensemble import RandomForestClassifier

warnings.filterwarnings("ignore")
case = np.load(sys.argv[1])
x, y, is_member = case["x"], case["y"], case["is_member"]
model = RandomForestClassifier(random_state=int(case["seed"])).fit(x[is_member], y[is_member])
target = Target(
    model=model,
    X_train=x[is_member],
    y_train=y[is_member],
    X_test=x[~is_member],
    y_test=y[~is_member],
)
order = np.concatenate([np.flatnonzero(is_member), np.flatnonzero(~is_member)])
started = time.process_time()
scores = {}
with tempfile.TemporaryDirectory() as folder:  # the shadow models are trained once and shared
    for mode in ("offline", "offline-carlini", "online-carlini"):
        for fixed in (False, True):
            attack = LIRAAttack(
                output_dir=folder,
                write_report=False,
                n_shadow_models=int(case["references"]),
                mode=mode,
                fix_variance=fixed,
                report_individual=True,
            )
            attack.attack(target)
            told = np.full(len(x), np.nan)
            told[order] = attack.result["member_prob"]
            name = f"scores_{mode}{'-fixed' if fixed else ''}"
            scores[name] = np.nan_to_num(told, nan=-np.inf)
np.savez(sys.argv[2], cpu_s=time.process_time() - started, **scores)
