"""Each check finds what it looks for on a server that has it, and not on one that has not."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from guard.live import serving
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from reticent.audit.probe_record import ProbeCheck
from reticent.core import Answer, Floats
from reticent.probe import CHECKS, Client, Hints, allowed_place, run_probe
from reticent.probe.checks.answer_timing import LEAST_A_SIDE, sides_of, two_sided_p
from reticent.probe.checks.verbose_errors import PATTERNS
from reticent.probe.permission import Place
from reticent.probe.samples import Sample

from .tiny import Scores, halves, inference

ROWS = Sample(columns=(), rows=tuple([float(i % 2) * 2, float(i)] for i in range(40)))


def probed(url: str, check: str, *, place: Place | None = None, **hints: Any) -> ProbeCheck:
    """Return one check's outcome on the server's model "tiny"."""
    client = Client(place=place or allowed_place(url, allowed=None), most_requests=2000, most_s=120)
    given = {"models": ("tiny",), "protocols": ("open-inference",), "sample": ROWS} | hints
    try:
        record = run_probe(
            client,
            Hints(**given),
            seed=1,
            now=lambda: datetime.now(UTC),
            checks=[each for each in CHECKS if each.id == check],
        )
    finally:
        client.close()
    return record.checks[0]


def with_route(path: str, endpoint: Callable[..., Any], **more: Any) -> Starlette:
    app = inference(halves)
    app.router.routes.append(Route(path, endpoint, **more))
    return app


def full(rows: Floats) -> Floats:
    first = 0.25 + rows[:, 1] / 97
    return np.column_stack([first, 1 - first])


def noisy() -> Scores:
    rng = np.random.default_rng(5)

    def scores(rows: Floats) -> Floats:
        first = np.round(np.clip(halves(rows)[:, 0] + rng.normal(0, 0.05, len(rows)), 0, 1), 2)
        return np.column_stack([first, 1 - first])

    return scores


def names(rows: Floats) -> Any:
    return np.where(rows[:, 0] > 1, "malignant", "benign")


@pytest.mark.parametrize(
    ("scores", "outcome"), [(full, "found"), (halves, "not found"), (names, "not found")]
)
def test_full_precision_scores(scores: Scores, outcome: str) -> None:
    with serving(inference(scores)) as url:
        assert probed(url, "full-precision-scores").outcome == outcome


@pytest.mark.parametrize(("make", "outcome"), [(noisy, "found"), (lambda: halves, "not found")])
def test_unkeyed_noise(make: Callable[[], Scores], outcome: str) -> None:
    with serving(inference(make())) as url:
        assert probed(url, "unkeyed-noise").outcome == outcome


@pytest.mark.parametrize(("limit", "outcome"), [(150, "not found"), (10**9, "found")])
def test_no_rate_limit(limit: int, outcome: str) -> None:
    with serving(inference(halves, limit=limit)) as url:
        check = probed(url, "no-rate-limit")
    assert check.outcome == outcome
    assert check.requests == min(limit, 200)  # the search for routes took one of the allowance


def test_no_tls() -> None:
    with serving(inference(halves)) as url:
        here = allowed_place(url, allowed=None)
        assert probed(url, "no-tls").outcome == "not run"
        far = Place(
            scheme="http",
            host="model.test",
            port=here.port,
            addresses=("127.0.0.1", "192.0.2.1"),
            permission="named",
        )
        assert probed(url, "no-tls", place=far).outcome == "found"


async def fails(request: Request) -> Response:
    raise RuntimeError("cannot read /srv/models/weights.bin")


@pytest.mark.parametrize(("debug", "outcome"), [(True, "found"), (False, "not found")])
def test_verbose_errors(debug: bool, outcome: str) -> None:
    app = inference(halves)
    app.router.routes.append(Route("/no-such-route", fails))
    app.debug = debug
    with serving(app) as url:
        check = probed(url, "verbose-errors")
    assert check.outcome == outcome


@pytest.mark.parametrize(
    "text",
    ["The request is no JSON.", "No model of this name.", "Rows must have 10 cells.",
     "The error class is unknown.", "See /docs for help.", "Version 2 of the policy"],
)  # fmt: skip
def test_plain_refusals_are_not_called_verbose(text: str) -> None:
    assert not [what for what, pattern in PATTERNS if pattern.search(text)]


@pytest.mark.parametrize(("origins", "outcome"), [(["*"], "found"), (["https://a"], "not found")])
def test_open_cors(origins: list[str], outcome: str) -> None:
    inner = inference(halves)
    app = Starlette(
        routes=list(inner.routes), middleware=[Middleware(CORSMiddleware, allow_origins=origins)]
    )
    with serving(app) as url:
        assert probed(url, "open-cors").outcome == outcome


async def described(request: Request) -> Response:
    return JSONResponse({"name": "tiny", "inputs": []})


async def explained(request: Request) -> Response:
    return JSONResponse({"contributions": [[0.5, -0.25]]})


async def apology(request: Request) -> Response:
    return JSONResponse({"detail": "no explanations here", "code": 1})


async def page(request: Request) -> Response:
    return PlainTextResponse("rows 1")


@pytest.mark.parametrize(
    ("check", "path", "endpoint", "methods", "outcome"),
    [
        ("metadata-route", "/v2/models/tiny", described, ["GET"], "found"),
        ("metadata-route", "/v2/models/other", described, ["GET"], "not found"),
        ("explanation-route", "/v2/models/tiny/explain", explained, ["POST"], "found"),
        ("explanation-route", "/v2/models/tiny/explain", apology, ["POST"], "not found"),
        ("documentation-route", "/metrics", page, ["GET"], "found"),
        ("documentation-route", "/elsewhere", page, ["GET"], "not found"),
    ],
)
def test_routes(
    check: str, path: str, endpoint: Callable[..., Any], methods: list[str], outcome: str
) -> None:
    with serving(with_route(path, endpoint, methods=methods)) as url:
        assert probed(url, check).outcome == outcome


def test_no_route_at_all_is_inconclusive() -> None:
    with serving(Starlette(routes=[])) as url:
        assert probed(url, "no-authentication").outcome == "inconclusive"


def test_timing_is_told_by_label_or_score_and_not_where_there_is_one_answer() -> None:
    two = [Answer(labels=np.array([i % 2]), scores=None) for i in range(2 * LEAST_A_SIDE)]
    assert list(sides_of(two)) == ["label"]
    scores = [Answer(labels=np.array([0]), scores=np.array([[0.5 + i / 100, 0.5 - i / 100]]))
              for i in range(2 * LEAST_A_SIDE)]  # fmt: skip
    assert list(sides_of(scores)) == ["score"]
    assert sides_of(two[: 2 * LEAST_A_SIDE - 1]) == {}
    assert sides_of([]) == {}


def test_the_p_value_keeps_its_declared_error() -> None:
    """Under no difference, p <= alpha comes as rarely as it says (two-sided, exact by ranks)."""
    rng = np.random.default_rng(3)
    side = np.arange(24) < 12
    p = np.array([two_sided_p(rng.normal(size=24), side, rng) for _ in range(60)])
    assert (p <= 0.05).sum() <= 8  # Binomial(60, 0.05) is above 8 once in 1,600
    assert p.min() > 0.0005
    assert two_sided_p(np.arange(24.0), side, rng) <= 0.0002


def test_answer_timing() -> None:
    work = np.linspace(0, 1, 200_000)

    def slow_for_one_answer(rows: Floats) -> Floats:
        found = halves(rows)
        if found[0, 0] > 0.5:
            for _ in range(3):  # work, not sleep
                np.sin(work).sum()
        return found

    with serving(inference(slow_for_one_answer)) as url:
        assert probed(url, "answer-timing").outcome == "found"


def test_timing_cut_short_by_a_limit_is_inconclusive() -> None:
    with serving(inference(halves, limit=30)) as url:
        check = probed(url, "answer-timing")
    assert check.outcome == "inconclusive"
    assert "--wait-s" in check.why
