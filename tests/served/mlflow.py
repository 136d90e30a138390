"""`mlflow models serve` with scikit-learn models: `/invocations`."""

import shlex
from typing import Any

from served.exchange import Ask
from served.mlserver import IRIS, IRIS_ROWS
from served.process import Served, environment, free_ports, inside, launch, new_folder

NAME = "mlflow"
PACKAGE = "mlflow"
SERVER = "MLflow"
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def start() -> Served:
    """Start three servers: scores at `url`, and in `others` `labels` and `table`.

    Raises:
        NotMade, NotReady: as in `served.process`.
    """
    program = environment(NAME) / "bin" / "mlflow"
    folder = new_folder(NAME)
    inside(NAME, "mlflow_models.py", str(folder), folder=folder)
    ports = dict(zip(("scores", "labels", "table"), free_ports(3), strict=True))
    commands = [
        f"{shlex.quote(str(program))} models serve -m {shlex.quote(str(folder / model))}"
        f" -h 127.0.0.1 -p {port} --env-manager local --workers 1 &"
        for model, port in ports.items()
    ]
    return launch(
        NAME,
        ["sh", "-c", "\n".join([*commands, "wait"])],
        folder=folder,
        port=ports.pop("scores"),
        ready="/ping",
        others={model: f"http://127.0.0.1:{port}" for model, port in ports.items()},
        wait_for_others=True,
    )


def split(rows: list[list[Any]]) -> dict[str, Any]:
    """Return rows as a data frame in the split form."""
    return {"dataframe_split": {"columns": COLUMNS, "data": rows}}


def asked() -> list[Ask]:
    """Return the requests whose answers are recorded."""
    path = "/invocations"
    csv, typed = {"content-type": "text/csv"}, {"content-type": "application/json"}
    records = [dict(zip(COLUMNS, row, strict=True)) for row in IRIS_ROWS]
    head = ",".join(COLUMNS)
    lines = "\n".join(",".join(map(str, row)) for row in IRIS_ROWS)
    three = split(IRIS_ROWS)
    return [
        Ask("one row, split: scores", "POST", path, split([IRIS])),
        Ask("three rows, split: scores", "POST", path, three),
        Ask("three rows, records: scores", "POST", path, {"dataframe_records": records}),
        Ask("an index beside the rows", "POST", path, _indexed(three)),
        Ask("rows as CSV: scores", "POST", path, f"{head}\n{lines}\n".encode(), csv),
        Ask("rows as `inputs`: scores", "POST", path, {"inputs": records}),
        Ask("columns as `inputs`: scores", "POST", path, {"inputs": _columns()}),
        Ask("one row: a label", "POST", path, {"inputs": [IRIS]}, at="labels"),
        Ask("rows as `inputs`: labels", "POST", path, {"inputs": IRIS_ROWS}, at="labels"),
        Ask("rows as `instances`: labels", "POST", path, {"instances": IRIS_ROWS}, at="labels"),
        Ask("a table: an object a row", "POST", path, three, at="table"),
        Ask("best", "POST", path, three | {"params": {"answer": "best"}}, at="table"),
        Ask("columns", "POST", path, three | {"params": {"answer": "columns"}}, at="table"),
        Ask("unknown parameter", "POST", path, three | {"params": {"debug": True}}, at="table"),
        Ask("wrong parameter", "POST", path, three | {"params": {"answer": 5}}, at="table"),
        Ask("parameters that the model lacks", "POST", path, three | {"params": {"a": 1}}),
        Ask("a column too few", "POST", path, {"dataframe_records": [{COLUMNS[0]: 5.1}]}),
        Ask("a column too many", "POST", path, {"dataframe_records": [records[0] | {"z": 1}]}),
        Ask("too few features", "POST", path, {"inputs": [IRIS[:3]]}, at="labels"),
        Ask("words for numbers", "POST", path, split([["a", "b", "c", "d"]])),
        Ask("a missing value", "POST", path, split([[None, 3.5, 1.4, 0.2]])),
        Ask("whole numbers", "POST", path, split([[5, 3, 1, 0]])),
        Ask("no rows", "POST", path, split([])),
        Ask("no known key", "POST", path, {"rows": [IRIS]}),
        Ask("two keys", "POST", path, three | {"inputs": [IRIS]}),
        Ask("a list", "POST", path, [IRIS]),
        Ask("malformed JSON", "POST", path, b'{"dataframe_split": {"columns": [', typed),
        Ask("NaN in a row", "POST", path, _NAN, typed, "labels"),
        Ask("a key twice", "POST", path, _TWICE, typed, "labels"),
        Ask("malformed CSV", "POST", path, b'a,b\n"1,2\n', csv),
        Ask("unknown content type", "POST", path, b"<a/>", {"content-type": "application/xml"}),
        Ask("a content type with an unknown charset", "POST", path, b"{}", _CHARSET),
        Ask("empty body", "POST", path, b"", typed),
        Ask("wrong method", "GET", path),
        Ask("unknown route", "GET", "/nothing"),
        Ask("ping", "GET", "/ping"),
        Ask("health", "GET", "/health"),
        Ask("version", "GET", "/version"),
        Ask("documentation page", "GET", "/docs"),
    ]


def _indexed(frame: dict[str, Any]) -> dict[str, Any]:
    return {"dataframe_split": frame["dataframe_split"] | {"index": [7, 8, 9]}}


def _columns() -> dict[str, list[float]]:
    return {name: [row[i] for row in IRIS_ROWS] for i, name in enumerate(COLUMNS)}


_NAN = b'{"inputs": [[NaN, 3.5, 1.4, 0.2]]}'
_TWICE = b'{"inputs": [[1,2,3,4]], "inputs": [[5,6,7,8]]}'
_CHARSET = {"content-type": "application/json; charset=latin-1"}
