"""Endpoints are real servers here; they answer through the same protocols, and a policy."""

import numpy as np
import pandas as pd
import pytest
from targets.endpoint import served

from reticent.core import Answer, BadAnswer, BadInput, Channel, NotExposed
from reticent.defences.hard_label import HardLabel
from reticent.defences.round import Round
from reticent.defences.top_k import TopK
from reticent.policy import Policy
from reticent.protocols import Interface, WireRequest, protocol_kinds
from reticent.targets.http import HttpTarget, open_http, rows_of

CLASSES = ("no", "yes", "maybe")
COLUMNS = ("age", "income", "note")
SCORES = Channel.SCORES | Channel.TOP_K
KINDS = [k for k, v in protocol_kinds().items() if "classification" in v.tasks]


def interface_of(kind: str, **more: object) -> Interface:
    settings = {"inputs": "$.rows", "scores": "$.said.scores", "label": "$.said.label"}
    form = {"open-inference": {"form": "columns"}, "generic": settings}.get(kind, {})
    known = {"model": "m", "classes": CLASSES, "columns": COLUMNS, "settings": form}
    if kind == "generic":
        known["path"] = "/score"
    return Interface(**(known | more))  # type: ignore[arg-type]  # as declared above


def scored(rows: list[list[object]]) -> np.ndarray:
    """Return (n, 3) probabilities that depend on every cell."""
    told = np.array([[float(r[0]), float(r[1]) / 1e4, len(str(r[2]))] for r in rows]) / 10
    powers = np.exp(told - told.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def model(kind: str, interface: Interface, *steps: object, sizes: list[int] | None = None):
    """Return what answers as a server of that protocol does, behind a policy."""
    protocol = protocol_kinds()[kind]()

    def answer(request: WireRequest, _: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        assert request.path == protocol.path(interface)
        question = protocol.read_question(request, interface)
        if sizes is not None:
            sizes.append(len(question.rows))
        p = scored([list(row) for row in question.rows])
        raw = Answer(labels=p.argmax(axis=1), scores=p)
        shown = Policy(steps).apply(raw, question.rows)  # type: ignore[arg-type]  # defences
        return 200, protocol.write_answer(shown, question, interface), {}

    return answer


@pytest.fixture
def people() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "other": range(23),
            "age": rng.integers(18, 90, 23),
            "income": rng.normal(30_000, 9_000, 23).round(2),
            "note": ["a", "bb", 'c",\n'] * 7 + [" ", "ü"],
        }
    )


def cells(people: pd.DataFrame) -> list[list[object]]:
    return people[list(COLUMNS)].astype(object).to_numpy().tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_protocol_brings_the_models_answer_to_the_bit(kind: str, people) -> None:
    interface, sizes = interface_of(kind), []
    with served(model(kind, interface, sizes=sizes)) as url:
        target = open_http(
            url,
            protocol=kind,
            interface=interface,
            first=people.head(3),
            batch_rows=10,
        )
        assert target.channels == SCORES | Channel.LABEL
        assert (target.classes, target.columns, target.name) == (CLASSES, COLUMNS, url)
        answer = target.answer(people)
    p = scored(cells(people))
    assert np.array_equal(answer.scores, p)
    assert np.array_equal(answer.labels, p.argmax(axis=1))
    assert sizes == [3, 10, 10, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_endpoint_is_read_as_what_is_left(kind: str, people) -> None:
    interface = interface_of(kind)
    p = scored(cells(people))
    with served(model(kind, interface, TopK(k=1), Round(digits=2))) as url:
        target = open_http(url, protocol=kind, interface=interface, first=people.head(2))
        assert target.channels == Channel.TOP_K | Channel.LABEL
        scores = target.answer(people).scores
    shown = np.where(p == p.max(axis=1, keepdims=True), p.round(2), np.nan)
    assert np.array_equal(scores, shown, equal_nan=True)
    with served(model(kind, interface, HardLabel())) as url:
        target = open_http(url, protocol=kind, interface=interface, first=people.head(2))
        assert target.channels == Channel.LABEL
        assert np.array_equal(target.answer(people).labels, p.argmax(axis=1))


def fixed(status: int, body: bytes = b"{}", **headers: str):
    return lambda *_: (status, body, {k.replace("_", "-"): v for k, v in headers.items()})


def target_at(url: str, **more: object) -> HttpTarget:
    return HttpTarget(
        name="m",
        origin=url,
        protocol=protocol_kinds()["mlflow"](),  # type: ignore[arg-type]  # of predictions
        interface=Interface(model="m", classes=CLASSES),
        offered=Channel.LABEL | SCORES,
        **more,  # type: ignore[arg-type]  # as declared
    )


X = np.array([[1.0, 2.0]])


def test_waits_for_a_rate_limit_as_long_as_is_allowed() -> None:
    left, slept = [2], []

    def limited(*_: object) -> tuple[int, bytes, dict[str, str]]:
        left[0] -= 1
        if left[0] >= 0:
            return 429, b"{}", {"retry-after": "7"}
        return 200, b'{"predictions":[[0.25,0.25,0.5]]}', {}

    with served(limited) as url:
        target = target_at(url, wait_s=14.0, sleep=slept.append)
        assert target.answer(X).labels.tolist() == [2]
        assert slept == [7.0, 7.0]
        left[0] = 3
        with pytest.raises(BadAnswer, match="asks to wait 7 s; waiting is allowed for 14 s"):
            target.answer(X)
        assert slept == [7.0] * 4


@pytest.mark.parametrize("after", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-1"])
def test_a_rate_limit_without_seconds_is_not_waited_for(after: str) -> None:
    with served(fixed(429, retry_after=after)) as url, pytest.raises(BadAnswer, match="429"):
        target_at(url, sleep=lambda _: pytest.fail("it waited")).answer(X)


def test_nothing_else_is_asked_twice() -> None:
    asked = []

    def broken(*_: object) -> tuple[int, bytes, dict[str, str]]:
        asked.append(1)
        return 503, b'{"error":"busy"}', {"retry-after": "1"}

    with served(broken) as url, pytest.raises(BadAnswer, match=r"status 503.*busy"):
        target_at(url).answer(X)
    assert len(asked) == 1


def test_redirects_are_not_followed() -> None:
    elsewhere = fixed(307, location="http://127.0.0.1:9/")
    said = r"status 307.*Redirects are not followed"
    with served(elsewhere) as url, pytest.raises(BadAnswer, match=said):
        target_at(url).answer(X)


def test_the_key_is_sent_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def keyed(_: WireRequest, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        seen.append(headers.get("authorization"))
        known = headers.get("authorization") == "Bearer s3cret"
        return (200, b'{"predictions":["no"]}', {}) if known else (401, b"{}", {})

    interface = Interface(model="m", classes=CLASSES)
    with served(keyed) as url:
        with pytest.raises(BadAnswer, match=r"model\.key_env"):
            open_http(url, protocol="mlflow", interface=interface, first=X)
        monkeypatch.setenv("ENDPOINT_KEY", "s3cret")
        target = open_http(
            url, protocol="mlflow", interface=interface, first=X, key_env="ENDPOINT_KEY"
        )
        assert target.answer(X).labels.tolist() == [0]
    assert seen == [None, "Bearer s3cret", "Bearer s3cret"]
    assert "s3cret" not in repr(target)


@pytest.mark.parametrize("value", ["", "two words", "new\nline"])
def test_a_key_that_cannot_be_one_is_refused(value: str, monkeypatch) -> None:
    monkeypatch.setenv("ENDPOINT_KEY", value)
    with pytest.raises(BadInput, match="ENDPOINT_KEY holds no key"):
        open_http(
            "http://127.0.0.1:9",
            protocol="mlflow",
            interface=Interface(model="m"),
            first=X,
            key_env="ENDPOINT_KEY",
        )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "no valid JSON"),
        (b'{"predictions":[[0.2,0.8]]}', "scores of shape"),
        (b'{"predictions":["no","no"]}', "1 predictions are needed"),
        (b'{"predictions":["never"]}', "none of the classes"),
        (b'{"predictions":[[0.1,0.2,7.0]]}', r"outside \[0, 1\]"),
        (b'{"predictions":["no"]}', "without TOP_K, which it gave before"),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes, why: str) -> None:
    with served(fixed(200, body)) as url, pytest.raises(BadAnswer, match=why):
        target_at(url).answer(X)


def test_compression_that_nobody_asked_for_is_refused() -> None:
    packed = fixed(200, b"x", content_encoding="gzip")
    with served(packed) as url, pytest.raises(BadAnswer, match="compressed"):
        target_at(url).answer(X)


def test_a_server_that_is_not_there() -> None:
    with served(fixed(200)) as url:
        pass
    with pytest.raises(BadAnswer, match="cannot be asked: NewConnectionError"):
        target_at(url, timeout_s=2.0).answer(X)


def test_has_no_weights() -> None:
    with pytest.raises(NotExposed, match="hands out no weights"):
        target_at("http://127.0.0.1:9").weights()


@pytest.mark.parametrize(
    "url", ["ftp://h/", "http://", "http://u:p@h", "http://h/?a=1", "http://h/#f", "h:80"]
)
def test_urls_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(BadInput):
        open_http(url, protocol="mlflow", interface=Interface(model="m"), first=X)


def test_protocols_that_cannot_carry_it() -> None:
    for kind, task, why in (
        ("smoke", "classification", "no protocol 'smoke'"),
        ("mlflow", "text", "carries classification"),
        ("generic", "classification", "no path of its own"),
    ):
        with pytest.raises(BadInput, match=why):
            open_http("http://h", protocol=kind, interface=Interface(model="m", task=task), first=X)


def test_a_path_in_the_url_stands_for_the_protocols_own() -> None:
    def at(request: WireRequest, _: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        return (200 if request.path == "/my/model" else 404), b'{"predictions":["no"]}', {}

    with served(at) as url:
        interface = Interface(model="m", classes=CLASSES)
        target = open_http(f"{url}/my/model", protocol="mlflow", interface=interface, first=X)
        assert target.answer(X).labels.tolist() == [0]


def test_cells_keep_their_types_and_gaps_are_null() -> None:
    table = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.5, np.nan],
            "t": ["a", None],
            "b": [True, False],
            "n": pd.array([3, None], dtype="Int64"),
            "c": pd.Categorical(["x", "y"]),
        }
    )
    assert rows_of(table) == [[1, 0.5, "a", True, 3, "x"], [2, None, None, False, None, "y"]]
    kinds = [type(cell) for cell in rows_of(table)[0]]
    assert kinds == [int, float, str, bool, int, str]
    with pytest.raises(BadInput, match="Timestamp, which JSON cannot carry"):
        rows_of(pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}))
    with pytest.raises(BadInput, match="not finite"):
        target_at("http://127.0.0.1:9").answer(np.array([[np.inf]]))
