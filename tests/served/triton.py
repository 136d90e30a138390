"""Triton Inference Server (from `nvidia-pytriton`): Open Inference Protocol v2 with extensions."""

import json
import struct
from typing import Any

from served.exchange import Ask
from served.mlserver import DIGIT, IRIS, IRIS_ROWS
from served.process import INSIDE, Served, environment, free_ports, inside, launch, new_folder

NAME = "triton"
PACKAGE = "nvidia-pytriton"
SERVER = "Triton by nvidia-pytriton"


def start() -> Served:
    """Start Triton with the models of `_inside/triton_app.py`.

    Raises:
        NotMade, NotReady: as in `served.process`.
    """
    python = environment(NAME) / "bin" / "python"
    folder = new_folder(NAME)
    inside(NAME, "sklearn_models.py", str(folder), folder=folder)
    http, grpc, metrics = free_ports(3)
    ports = [str(http), str(grpc), str(metrics)]
    return launch(
        NAME,
        [str(python), str(INSIDE / "triton_app.py"), str(folder), *ports],
        folder=folder,
        port=http,
        ready="/v2/models/broken/ready",  # the model that is bound last
        others={"metrics": f"http://127.0.0.1:{metrics}"},
    )


def tensor(data: list[Any], shape: list[int], **more: Any) -> dict[str, Any]:
    """Return one input tensor."""
    return {"name": "x", "shape": shape, "datatype": "FP64", "data": data} | more


def output(name: str, **parameters: Any) -> dict[str, Any]:
    """Return one wanted output."""
    return {"name": name} | ({"parameters": parameters} if parameters else {})


def asked() -> list[Ask]:
    """Return the requests whose answers are recorded."""
    iris = "/v2/models/iris/infer"
    one = {"inputs": [tensor(IRIS, [1, 4])]}
    three = {"inputs": [tensor(IRIS_ROWS, [3, 4])]}
    scores = output("probabilities")
    typed = {"content-type": "application/json"}
    return [
        Ask("one row, all outputs", "POST", iris, one),
        Ask("one row, scores asked for", "POST", iris, one | {"outputs": [scores]}),
        Ask("three rows, an id", "POST", iris, three | {"id": "batch-1"}),
        Ask("by version", "POST", "/v2/models/iris/versions/1/infer", one),
        Ask("ten classes", "POST", "/v2/models/digits/infer", {"inputs": [tensor(DIGIT, [1, 64])]}),
        Ask(
            "classification: the best two, as words",
            "POST",
            iris,
            three | {"outputs": [output("probabilities", classification=2)]},
        ),
        Ask(
            "classification, binary",
            "POST",
            iris,
            one | {"outputs": [output("probabilities", classification=3, binary_data=True)]},
        ),
        Ask(
            "one output binary, one not",
            "POST",
            iris,
            one | {"outputs": [output("probabilities", binary_data=True), output("label")]},
        ),
        Ask(
            "all outputs binary",
            "POST",
            iris,
            three | {"parameters": {"binary_data_output": True}},
        ),
        Ask("binary question", "POST", iris, *_binary()),
        Ask("binary question cut short", "POST", iris, *_binary(cut=8)),
        Ask("gzip accepted", "POST", iris, three, {"accept-encoding": "gzip"}),
        Ask("priority, timeout and a sequence", "POST", iris, one | {"parameters": _PARAMETERS}),
        Ask("unknown parameters", "POST", iris, one | {"parameters": {"debug": "yes"}}),
        Ask("too few features", "POST", iris, {"inputs": [tensor(IRIS[:3], [1, 3])]}),
        Ask("shape and data disagree", "POST", iris, {"inputs": [tensor(IRIS, [2, 4])]}),
        Ask("wrong datatype", "POST", iris, {"inputs": [tensor(IRIS, [1, 4], datatype="FP32")]}),
        Ask("unknown datatype", "POST", iris, {"inputs": [tensor(IRIS, [1, 4], datatype="F")]}),
        Ask("words for numbers", "POST", iris, {"inputs": [tensor(["a"] * 4, [1, 4])]}),
        Ask("unknown input", "POST", iris, {"inputs": [tensor(IRIS, [1, 4], name="y")]}),
        Ask("unknown output", "POST", iris, one | {"outputs": [output("logits")]}),
        Ask("too many rows", "POST", iris, {"inputs": [tensor([IRIS] * 129, [129, 4])]}),
        Ask("no inputs", "POST", iris, {}),
        Ask("malformed JSON", "POST", iris, b'{"inputs": [{"name": "x"', typed),
        Ask("NaN in the data", "POST", iris, _NAN, typed),
        Ask("a model that fails, with a stack trace", "POST", "/v2/models/broken/infer", one),
        Ask("unknown model", "POST", "/v2/models/nothing/infer", one),
        Ask("unknown version", "POST", "/v2/models/iris/versions/9/infer", one),
        Ask("generate", "POST", "/v2/models/iris/generate", {"x": IRIS}),
        Ask("wrong method", "GET", iris),
        Ask("unknown route", "GET", "/v2/nothing"),
        Ask("server metadata", "GET", "/v2"),
        Ask("live", "GET", "/v2/health/live"),
        Ask("ready", "GET", "/v2/health/ready"),
        Ask("model metadata", "GET", "/v2/models/iris"),
        Ask("model configuration", "GET", "/v2/models/iris/config"),
        Ask("model statistics, without the token", "GET", "/v2/models/iris/stats"),
        Ask("model statistics", "GET", "/v2/models/iris/stats", b"", _TOKEN),
        Ask("model ready", "GET", "/v2/models/iris/ready"),
        Ask("repository index", "POST", "/v2/repository/index", {}, _TOKEN),
        Ask("unload", "POST", "/v2/repository/models/nothing/unload", {}, _TOKEN),
        Ask("trace settings", "GET", "/v2/trace/setting", b"", _TOKEN),
        Ask("log settings", "GET", "/v2/logging", b"", _TOKEN),
        Ask("shared memory", "GET", "/v2/systemsharedmemory/status", b"", _TOKEN),
        Ask("metrics", "GET", "/metrics", at="metrics"),
    ]


def _binary(cut: int = 0) -> tuple[bytes, dict[str, str]]:
    """Return a question whose tensor stands behind the JSON, and the header that tells so."""
    data = struct.pack("<4d", *IRIS)
    described = {"name": "x", "shape": [1, 4], "datatype": "FP64"}
    described["parameters"] = {"binary_data_size": len(data)}
    text = json.dumps({"inputs": [described]}).encode()
    return text + data[: len(data) - cut], {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(text)),
    }


_TOKEN = {"triton-access-token": "example"}  # as in _inside/triton_app.py
_PARAMETERS = {"priority": 1, "timeout": 5_000_000, "sequence_id": 0}
_NAN = b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP64","data":[NaN,1,2,3]}]}'
