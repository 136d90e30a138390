"""Runs in a server's environment: fits small scikit-learn models and saves them.

Usage: sklearn_models.py FOLDER

FOLDER/iris.joblib (3 classes), digits.joblib (10 classes, 64 inputs), diabetes.joblib (regression).
"""

import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

SEED = 20240611


def models():
    x, y = load_iris(return_X_y=True)
    yield "iris", LogisticRegression(max_iter=1000, random_state=SEED).fit(x, y)
    x, y = load_digits(return_X_y=True)
    yield "digits", RandomForestClassifier(30, random_state=SEED).fit(x, y)
    x, y = load_diabetes(return_X_y=True)
    yield "diabetes", RandomForestRegressor(30, max_depth=8, random_state=SEED).fit(x, y)


if __name__ == "__main__":
    for name, model in models():
        joblib.dump(model, Path(sys.argv[1]) / f"{name}.joblib")
