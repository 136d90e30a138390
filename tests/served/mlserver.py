"""MLServer with scikit-learn models: the Open Inference Protocol (v2) over REST."""

import json
from typing import Any

from served.exchange import Ask
from served.process import Served, environment, free_ports, inside, launch, new_folder

NAME = "mlserver"
PACKAGE = "mlserver"
SERVER = "MLServer"

IRIS = [5.1, 3.5, 1.4, 0.2]
IRIS_ROWS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.3, 3.3, 6.0, 2.5]]
DIGIT = [float((7 * i) % 17) for i in range(64)]


def start() -> Served:
    """Start MLServer with the models `iris`, `digits` and `diabetes`.

    Raises:
        NotMade, NotReady: as in `served.process`.
    """
    program = environment(NAME) / "bin" / "mlserver"
    folder = new_folder(NAME)
    inside(NAME, "sklearn_models.py", str(folder), folder=folder)
    http, grpc, metrics = free_ports(3)
    settings = {
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    for model in ("iris", "digits", "diabetes"):
        of_model = folder / model
        of_model.mkdir()
        (folder / f"{model}.joblib").rename(of_model / "model.joblib")
        described = {
            "name": model,
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "v0.1.0"},
        }
        (of_model / "model-settings.json").write_text(json.dumps(described))
    return launch(
        NAME,
        [str(program), "start", str(folder)],
        folder=folder,
        port=http,
        ready="/v2/health/ready",
        others={"metrics": f"http://127.0.0.1:{metrics}"},
    )


def tensor(data: list[Any], shape: list[int], **more: Any) -> dict[str, Any]:
    """Return one input tensor."""
    return {"name": "predict", "shape": shape, "datatype": "FP32", "data": data} | more


def asked() -> list[Ask]:
    """Return the requests whose answers are recorded."""
    flat = [value for row in IRIS_ROWS for value in row]
    iris = "/v2/models/iris/infer"
    one = tensor(IRIS, [1, 4])
    proba = {"name": "predict_proba"}
    labels = {"name": "predict"}
    binary = json.dumps({"inputs": [tensor([], [1, 4], parameters={"binary_data_size": 16})]})
    return [
        Ask("one row, default output (labels)", "POST", iris, {"inputs": [one]}),
        Ask(
            "one row, predict_proba asked for",
            "POST",
            iris,
            {"inputs": [one], "outputs": [proba]},
        ),
        Ask(
            "three rows nested, labels and probabilities, with an id",
            "POST",
            iris,
            {"id": "batch-1", "inputs": [tensor(IRIS_ROWS, [3, 4])], "outputs": [labels, proba]},
        ),
        Ask(
            "three rows flat",
            "POST",
            iris,
            {"inputs": [tensor(flat, [3, 4])], "outputs": [proba]},
        ),
        Ask(
            "by version",
            "POST",
            "/v2/models/iris/versions/v0.1.0/infer",
            {"inputs": [one], "outputs": [proba]},
        ),
        Ask(
            "content types as parameters",
            "POST",
            iris,
            {
                "parameters": {"content_type": "np"},
                "inputs": [tensor(IRIS, [1, 4], parameters={"content_type": "np"})],
                "outputs": [proba | {"parameters": {"content_type": "np"}}],
            },
        ),
        Ask(
            "unknown parameters and headers as parameters",
            "POST",
            iris,
            {"parameters": {"debug": True, "trace": "yes", "headers": {}}, "inputs": [one]},
            {"x-request-id": "abc-123"},
        ),
        Ask(
            "two inputs, of which a scikit-learn model reads the first",
            "POST",
            iris,
            {"inputs": [one, tensor([1.0], [1, 1], name="extra")]},
        ),
        Ask(
            "a data frame, a column a tensor",
            "POST",
            iris,
            {
                "parameters": {"content_type": "pd"},
                "inputs": [
                    {"name": f"c{i}", "shape": [2], "datatype": "FP64", "data": [v, v + 1]}
                    for i, v in enumerate(IRIS)
                ],
                "outputs": [proba],
            },
        ),
        Ask(
            "ten classes",
            "POST",
            "/v2/models/digits/infer",
            {"inputs": [tensor(DIGIT, [1, 64])], "outputs": [labels, proba]},
        ),
        Ask(
            "a regression",
            "POST",
            "/v2/models/diabetes/infer",
            {"inputs": [tensor([0.01 * i for i in range(20)], [2, 10])]},
        ),
        Ask("gzip accepted", "POST", iris, {"inputs": [one]}, {"accept-encoding": "gzip"}),
        Ask(
            "gzip accepted and given, since the answer is long",
            "POST",
            "/v2/models/digits/infer",
            {"inputs": [tensor([DIGIT] * 16, [16, 64])], "outputs": [proba]},
            {"accept-encoding": "gzip"},
        ),
        Ask("too few features", "POST", iris, {"inputs": [tensor([5.1, 3.5, 1.4], [1, 3])]}),
        Ask("shape and data disagree", "POST", iris, {"inputs": [tensor(IRIS, [2, 4])]}),
        Ask("words for numbers", "POST", iris, {"inputs": [tensor(["a", "b", "c", "d"], [1, 4])]}),
        Ask(
            "unknown datatype",
            "POST",
            iris,
            {"inputs": [tensor(IRIS, [1, 4], datatype="FP99")]},
        ),
        Ask(
            "unknown output",
            "POST",
            iris,
            {"inputs": [one], "outputs": [{"name": "decision_function"}]},
        ),
        Ask("no inputs", "POST", iris, {}),
        Ask("empty inputs", "POST", iris, {"inputs": []}),
        Ask("null where a list belongs", "POST", iris, {"inputs": None}),
        Ask(
            "malformed JSON",
            "POST",
            iris,
            b'{"inputs": [{"name": "predict", "shape": [1, 4',
            {"content-type": "application/json"},
        ),
        Ask(
            "NaN in the data",
            "POST",
            iris,
            b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[NaN,1,2,3]}]}',
            {"content-type": "application/json"},
        ),
        Ask(
            "binary tail",
            "POST",
            iris,
            binary.encode() + bytes.fromhex("3333a340000060403333b33fcdcc4c3e"),
            {
                "content-type": "application/octet-stream",
                "inference-header-content-length": str(len(binary)),
            },
        ),
        Ask("unknown model", "POST", "/v2/models/nothing/infer", {"inputs": [one]}),
        Ask(
            "unknown version",
            "POST",
            "/v2/models/iris/versions/v9/infer",
            {"inputs": [one]},
        ),
        Ask("wrong method", "GET", iris),
        Ask("unknown route", "GET", "/v2/models/iris/nothing"),
        Ask("server metadata", "GET", "/v2"),
        Ask("live", "GET", "/v2/health/live"),
        Ask("ready", "GET", "/v2/health/ready"),
        Ask("model metadata", "GET", "/v2/models/iris"),
        Ask("metadata of an unknown model", "GET", "/v2/models/nothing"),
        Ask("model ready", "GET", "/v2/models/iris/ready"),
        Ask("model ready, by version", "GET", "/v2/models/iris/versions/v0.1.0/ready"),
        Ask("repository index", "POST", "/v2/repository/index", {"ready": True}),
        Ask("load", "POST", "/v2/repository/models/iris/load", {}),
        Ask("unload of an unknown model", "POST", "/v2/repository/models/nothing/unload", {}),
        Ask("documentation page of a model", "GET", "/v2/models/iris/docs"),
        Ask(
            "generate, which answers with a plain inference",
            "POST",
            "/v2/models/iris/generate",
            {"inputs": [one]},
        ),
        Ask(
            "a stream of one event with a plain inference",
            "POST",
            "/v2/models/iris/infer_stream",
            {"inputs": [one]},
        ),
        Ask("metrics", "GET", "/metrics", at="metrics"),
    ]
