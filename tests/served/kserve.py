"""KServe's Python SDK with scikit-learn models: v1 (`:predict`, `:explain`) and v2."""

import json
import struct

from served.exchange import Ask
from served.mlserver import DIGIT, IRIS, IRIS_ROWS
from served.process import INSIDE, Served, environment, free_ports, inside, launch, new_folder

NAME = "kserve"
PACKAGE = "kserve"
SERVER = "KServe SDK"


def start() -> Served:
    """Start the SDK's server with the models of `_inside/kserve_app.py`.

    Raises:
        NotMade, NotReady: as in `served.process`.
    """
    python = environment(NAME) / "bin" / "python"
    folder = new_folder(NAME)
    inside(NAME, "sklearn_models.py", str(folder), folder=folder)
    (port,) = free_ports(1)
    return launch(
        NAME,
        [str(python), str(INSIDE / "kserve_app.py"), str(folder), str(port)],
        folder=folder,
        port=port,
        ready="/v1/models/iris",
    )


def asked() -> list[Ask]:
    """Return the requests whose answers are recorded."""
    iris = "/v1/models/iris:predict"
    one = {"instances": [IRIS]}
    v2 = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP64", "data": IRIS}]}
    typed = {"content-type": "application/json"}
    return [
        Ask("one row: scores", "POST", iris, one),
        Ask("three rows: scores", "POST", iris, {"instances": IRIS_ROWS}),
        Ask("one row: a label", "POST", "/v1/models/iris-labels:predict", one),
        Ask(
            "three rows: labels", "POST", "/v1/models/iris-labels:predict", {"instances": IRIS_ROWS}
        ),
        Ask(
            "two rows: objects",
            "POST",
            "/v1/models/iris-objects:predict",
            {"instances": IRIS_ROWS[:2]},
        ),
        Ask("ten classes", "POST", "/v1/models/digits:predict", {"instances": [DIGIT]}),
        Ask("a regression", "POST", "/v1/models/diabetes:predict", {"instances": [[0.01] * 10]}),
        Ask("unknown keys beside the rows", "POST", iris, one | {"parameters": {"debug": True}}),
        Ask(
            "an explanation: a contribution for every input and class",
            "POST",
            "/v1/models/iris:explain",
            one,
        ),
        Ask("a cloud event", "POST", iris, one, _EVENT),
        Ask(
            "a structured cloud event",
            "POST",
            iris,
            _STRUCTURED,
            {"content-type": "application/cloudevents+json"},
        ),
        Ask("v2: scores, with an id", "POST", "/v2/models/iris/infer", v2 | {"id": "a"}),
        Ask("v2: binary answer", "POST", "/v2/models/iris/infer", v2 | _BINARY_WANTED),
        Ask("v2: binary question and answer", "POST", "/v2/models/iris/infer", *_binary()),
        Ask("v2: binary question cut short", "POST", "/v2/models/iris/infer", *_binary(cut=8)),
        Ask("too few features", "POST", iris, {"instances": [IRIS[:3]]}),
        Ask("rows of different lengths", "POST", iris, {"instances": [IRIS, IRIS[:2]]}),
        Ask("words for numbers", "POST", iris, {"instances": [["a", "b", "c", "d"]]}),
        Ask("instances that are no list", "POST", iris, {"instances": 5}),
        Ask("no instances", "POST", iris, {"rows": [IRIS]}),
        Ask("no rows", "POST", iris, {"instances": []}),
        Ask("malformed JSON", "POST", iris, b'{"instances": [[5.1, 3.5', typed),
        Ask("NaN in a row", "POST", iris, b'{"instances": [[NaN, 3.5, 1.4, 0.2]]}', typed),
        Ask(
            "a key twice", "POST", iris, b'{"instances":[[1,2,3,4]],"instances":[[5,6,7,8]]}', typed
        ),
        Ask("a body that is a list", "POST", iris, [IRIS]),
        Ask("an error of the model's own, with a path", "POST", "/v1/models/broken:predict", one),
        Ask("unknown model", "POST", "/v1/models/nothing:predict", one),
        Ask("explanation by a model without one", "POST", "/v1/models/broken:explain", one),
        Ask("wrong method", "GET", iris),
        Ask("unknown route", "GET", "/v1/nothing"),
        Ask("live", "GET", "/"),
        Ask("models", "GET", "/v1/models"),
        Ask("a model", "GET", "/v1/models/iris"),
        Ask("v2: server metadata", "GET", "/v2"),
        Ask("v2: ready", "GET", "/v2/health/ready"),
        Ask("v2: model metadata", "GET", "/v2/models/iris"),
        Ask("v2: unload", "POST", "/v2/repository/models/nothing/unload", {}),
        Ask("metrics", "GET", "/metrics"),
    ]


def _binary(cut: int = 0) -> tuple[bytes, dict[str, str]]:
    """Return a question whose tensor stands behind the JSON, and the header that tells so."""
    data = struct.pack("<4d", *IRIS)
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64"}
    tensor["parameters"] = {"binary_data_size": len(data)}
    text = json.dumps({"inputs": [tensor]} | _BINARY_WANTED).encode()
    return text + data[: len(data) - cut], {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(text)),
    }


_BINARY_WANTED = {"outputs": [{"name": "scores", "parameters": {"binary_data": True}}]}
_EVENT = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-source": "tests/served",
    "ce-type": "request",
    "ce-id": "36077800-0c23-4f38-a0b4-01f4369f670a",
}
_STRUCTURED = {
    "specversion": "1.0",
    "source": "tests/served",
    "type": "request",
    "id": "36077800-0c23-4f38-a0b4-01f4369f670a",
    "data": {"instances": [IRIS]},
}
