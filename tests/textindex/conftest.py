import pytest
from textindex.made import SECRETS, made_index, prose

from reticent.textindex.index import open_index

pytest.importorskip("numba")


@pytest.fixture(scope="session")
def texts():
    found = {f"{i}.txt": secret for i, secret in enumerate(SECRETS)}
    return found | {f"p{i}.txt": prose(i, 400) for i in range(5)}


@pytest.fixture(scope="session")
def index(tmp_path_factory, texts):
    return open_index(made_index(tmp_path_factory.mktemp("made"), texts))
