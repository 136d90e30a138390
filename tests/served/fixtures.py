"""Fixtures that hand out a running server, or skip with the reason why there is none.

A test module asks for them with `from served.fixtures import mlserver  # noqa: F401` (or its
conftest.py does). A server starts once in a test session; nothing is installed here.
"""

from collections.abc import Callable, Iterator

import pytest

from served import (
    kserve as _kserve,
    llama_cpp as _llama_cpp,
    mlflow as _mlflow,
    mlserver as _mlserver,
    triton as _triton,
)
from served.process import NotMade, Served


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
    """An OpenAI-compatible server with the models smollm2 and smollm2-embed."""
    yield from _running(_llama_cpp.start)


@pytest.fixture(scope="session")
def triton() -> Iterator[Served]:
    """Triton with the models iris, digits and broken."""
    yield from _running(_triton.start)
