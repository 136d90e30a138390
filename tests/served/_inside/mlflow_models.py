"""Runs in MLflow's environment: fits small models and saves them in MLflow's format.

Usage: mlflow_models.py FOLDER

FOLDER/scores (predict_proba, with a signature), FOLDER/labels (predict, without one) and
FOLDER/table (a model that answers with a table, or with what `params` asks for).
"""

import sys
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

SEED = 20240611
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
NAMES = ["setosa", "versicolor", "virginica"]


class Table(mlflow.pyfunc.PythonModel):
    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input, params=None):
        scores = self.model.predict_proba(model_input.to_numpy())
        wanted = (params or {}).get("answer", "table")
        if wanted == "best":
            return [{"label": NAMES[row.argmax()], "score": float(row.max())} for row in scores]
        if wanted == "columns":
            return {name: scores[:, i].tolist() for i, name in enumerate(NAMES)}
        return pd.DataFrame(scores, columns=NAMES)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000, random_state=SEED).fit(x, y)
    columns = Schema([ColSpec(DataType.double, name) for name in COLUMNS])
    mlflow.sklearn.save_model(
        model,
        folder / "scores",
        pyfunc_predict_fn="predict_proba",
        signature=ModelSignature(inputs=columns),
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    mlflow.sklearn.save_model(
        model, folder / "labels", serialization_format="cloudpickle", pip_requirements=[]
    )
    mlflow.pyfunc.save_model(
        folder / "table",
        python_model=Table(model),
        signature=ModelSignature(
            inputs=columns,
            params=ParamSchema([ParamSpec("answer", DataType.string, "table")]),
        ),
        pip_requirements=[],
    )
