"""A caller's connection, as long as it lasts and after."""

import gc
import time

import urllib3
from guard.live import guarding
from guard.test_end_to_end import SECRET, written

from reticent.guard.callers import CallerConnection


def living():
    # By type alone: isinstance asks every object for its class, and lazy modules answer that.
    return sum(type(each) is CallerConnection for each in gc.get_objects())


def test_a_connection_that_is_over_waits_for_no_collector(tmp_path):
    file = written(tmp_path, "http://127.0.0.1:9")
    with guarding(file, SECRET) as (_, callers, _admin):
        gc.collect()
        gc.disable()
        try:
            before = living()
            for _ in range(5):
                with urllib3.PoolManager() as pool:
                    assert pool.request("POST", f"{callers}/x", body=b"{}").status == 401
            until = time.monotonic() + 10
            while living() > before and time.monotonic() < until:
                time.sleep(0.01)
            assert living() == before
        finally:
            gc.enable()
