"""Runs in KServe's environment: serves the models of sklearn_models.py.

Usage: kserve_app.py FOLDER PORT

`iris` answers score vectors and explains them, `iris-labels` labels, `iris-objects` an object a
row, `diabetes` numbers; `broken` fails with an error of its own. The v2 protocol is spoken too.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import uvicorn
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.protocol.rest import server as rest
from kserve.utils.utils import generate_uuid


class Sklearn(Model):
    def __init__(self, name, model, answer):
        super().__init__(name)
        self._model, self._answer, self.ready = model, answer, True

    def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, InferRequest):
            answers = np.asarray(self._answer(self._model, payload.inputs[0].as_numpy()))
            output = InferOutput("scores", list(answers.shape), "FP64")
            output.set_data_from_numpy(answers.astype(float), binary_data=False)
            return InferResponse(
                payload.id or generate_uuid(),
                self.name,
                [output],
                use_binary_outputs=payload.use_binary_outputs,
                requested_outputs=payload.request_outputs,
            )
        x = np.asarray(payload["instances"], dtype=float)
        return {"predictions": self._answer(self._model, x)}

    def explain(self, payload, headers=None):
        x = np.asarray(payload["instances"], dtype=float)
        return {"explanations": [(self._model.coef_ * row).tolist() for row in x]}


class Broken(Model):
    def __init__(self):
        super().__init__("broken")
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        with Path(__file__).with_name("weights.bin").open() as file:
            return {"predictions": file.read()}


def scores(model, x):
    return model.predict_proba(x).tolist()


def labels(model, x):
    return model.predict(x).tolist()


def objects(model, x):
    probabilities = model.predict_proba(x)
    return [
        {"class": int(row.argmax()), "probability": float(row.max()), "probabilities": row.tolist()}
        for row in probabilities
    ]


class OnLoopback(uvicorn.Config):
    """The SDK listens on every interface; a test server must not."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "host": "127.0.0.1"})


if __name__ == "__main__":
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    iris, digits, diabetes = (
        joblib.load(folder / f"{name}.joblib") for name in ("iris", "digits", "diabetes")
    )
    rest.uvicorn.Config = OnLoopback
    ModelServer(http_port=port, workers=1, enable_grpc=False, enable_docs_url=True).start(
        [
            Sklearn("iris", iris, scores),
            Sklearn("iris-labels", iris, labels),
            Sklearn("iris-objects", iris, objects),
            Sklearn("digits", digits, scores),
            Sklearn("diabetes", diabetes, labels),
            Broken(),
        ]
    )
