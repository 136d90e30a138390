"""Fixtures that hand out a running server, or skip with the reason why there is none.

tests/conftest.py hands them to every test: imported by a module again, a server would start again.
It also puts the tests that `on` marks first, by server, so that of several processes that share the
tests out in blocks one gets them all, and each server starts once. Nothing is installed here.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from served import (
    kserve as _kserve,
    llama_cpp as _llama_cpp,
    mlflow as _mlflow,
    mlserver as _mlserver,
    triton as _triton,
)
from served.process import NotMade, Served

REAL = ("mlserver", "kserve", "mlflow", "llama-cpp", "triton")


def on(server: str, *values: object) -> Any:
    """Return parameters of a test that starts a server; the server's name is the first."""
    marks = [pytest.mark.slow, pytest.mark.served(server)]
    return pytest.param(server, *values, marks=marks, id="-".join([server, *map(str, values)]))


def running(server: str, request: pytest.FixtureRequest) -> Served:
    """Return a running server by the name that its recording has; skip where it was not made."""
    served: Served = request.getfixturevalue(server.replace("-", "_"))
    return served


def _running(start: Callable[[], Served]) -> Iterator[Served]:
    try:
        served = start()
    except NotMade as reason:
        pytest.skip(str(reason))
    with served:
        yield served


@pytest.fixture(scope="session")
def mlserver() -> Iterator[Served]:
    """MLServer (Open Inference Protocol) with the models iris, digits and diabetes."""
    yield from _running(_mlserver.start)


@pytest.fixture(scope="session")
def kserve() -> Iterator[Served]:
    """The KServe SDK (v1 and v2) with iris, iris-labels, iris-objects, digits and diabetes."""
    yield from _running(_kserve.start)


@pytest.fixture(scope="session")
def mlflow() -> Iterator[Served]:
    """MLflow: scores at `url`; `others` has `labels` and `table`."""
    yield from _running(_mlflow.start)


@pytest.fixture(scope="session")
def llama_cpp() -> Iterator[Served]:
    """An OpenAI-compatible server with smollm2, smollm2-embed and smollm2-pooled."""
    yield from _running(_llama_cpp.start)


@pytest.fixture(scope="session")
def triton() -> Iterator[Served]:
    """Triton with the models iris, digits and broken."""
    yield from _running(_triton.start)
