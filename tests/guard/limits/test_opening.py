"""The configuration decides where limits are counted."""

import asyncio
import time

import pytest
from guard.served_store import be_patient

from reticent.config.guard import Guard
from reticent.core import BadInput
from reticent.guard.limits import MemoryLimits, open_limits
from reticent.guard.limits.valkey import SharedLimits
from reticent.guard.types import Scope

SCOPE = Scope(key="a", lifetime_rows=10)


def guard(**more):
    endpoint = {
        "model": "risk",
        "owner": "Credit team",
        "protocol": "mlflow",
        "upstream": "http://127.0.0.1:9000",
    }
    return Guard.model_validate({"endpoint": [endpoint], **more})


def spend(settings, state, secret=b"s" * 32):
    async def story():
        limits = open_limits(settings, state, secret=secret, clock=time.time)
        try:
            assert (await limits.admit([SCOPE], 1, sensitive=True)).granted
            return type(limits), (await limits.spent("a"))["lifetime_rows"]
        finally:
            await limits.close()

    return asyncio.run(story())


def test_in_this_process_and_in_its_folder(tmp_path):
    assert spend(guard(), tmp_path / "state") == (MemoryLimits, 1)
    assert spend(guard(), tmp_path / "state") == (MemoryLimits, 2)
    assert spend(guard(), tmp_path / "other") == (MemoryLimits, 1)


def test_in_a_store_with_those_who_share_the_secret(store, tmp_path, monkeypatch):
    be_patient(monkeypatch)
    settings = guard(store=store.url, replicas=2)
    assert spend(settings, tmp_path / "one") == (SharedLimits, 1)
    assert spend(settings, tmp_path / "two") == (SharedLimits, 2)
    assert spend(settings, tmp_path / "three", secret=b"t" * 32) == (SharedLimits, 1)


def test_a_folder_that_is_in_use(tmp_path):
    async def story():
        limits = open_limits(guard(), tmp_path, secret=b"s" * 32, clock=time.time)
        try:
            with pytest.raises(BadInput, match="One guard at a time"):
                open_limits(guard(), tmp_path, secret=b"s" * 32, clock=time.time)
        finally:
            await limits.close()

    asyncio.run(story())
