from collections.abc import Iterator

import pytest
from guard.live import free_port, serving

from reticent.core import BadInput
from reticent.probe.client import MOST_REPLY_BYTES, Client, Spent
from reticent.probe.permission import Place, allowed_place

from .tiny import echo, halves, inference, said


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with serving(echo()) as url:
        yield allowed_place(url, allowed=None)


def client(place: Place, **more: object) -> Client:
    settings = {"most_requests": 10, "most_s": 60.0, "key": "secret-key"} | more
    return Client(place=place, **settings)  # type: ignore[arg-type]  # as each test sets them


def test_the_key_is_sent_only_where_it_is_wanted(place: Place) -> None:
    asking = client(place)
    with_key = asking.send("GET", "/say")
    without = asking.send("GET", "/say", keyed=False)
    asking.close()
    assert said(with_key.body)["headers"]["authorization"] == "Bearer (the key)"
    assert "authorization" not in said(without.body)["headers"]
    assert (with_key.keyed, without.keyed) == (True, False)
    assert "secret-key" not in repr(asking)


def test_redirects_are_not_followed(place: Place) -> None:
    asking = client(place)
    assert asking.send("GET", "/elsewhere").status == 307
    asking.close()
    assert [e.path for e in asking.log] == ["/elsewhere"]


def test_a_long_reply_is_cut_and_the_next_one_still_comes(place: Place) -> None:
    asking = client(place)
    assert len(asking.send("GET", "/much").body) == MOST_REPLY_BYTES
    assert asking.send("GET", "/say").status == 200
    asking.close()


def test_requests_and_seconds_are_bounded(place: Place) -> None:
    asking = client(place, most_requests=2)
    asking.send("GET", "/say")
    asking.send("GET", "/say")
    with pytest.raises(Spent, match="All 2 requests"):
        asking.send("GET", "/say")
    asking.close()
    times = iter([0.0, 0.0, 0.0, 1.0, 61.0])
    late = client(place, clock=lambda: next(times))
    late.send("GET", "/say")
    with pytest.raises(Spent, match="60 seconds"):
        late.send("GET", "/say")
    late.close()
    assert len(late.log) == 1


@pytest.mark.parametrize(("wait_s", "slept"), [(0.0, []), (7.0, [3.0, 3.0])])
def test_it_waits_as_a_limit_asks_but_no_longer_than_it_may(
    wait_s: float, slept: list[float]
) -> None:
    naps: list[float] = []
    with serving(inference(halves, limit=0)) as url:
        asking = client(allowed_place(url, allowed=None), wait_s=wait_s, sleep=naps.append)
        exchange = asking.send("POST", "/v2/models/tiny/infer", b"{}")
        asking.close()
    assert exchange.is_limited
    assert naps == slept
    assert len(asking.log) == 1 + len(slept)


def test_a_server_that_is_not_there_is_bad_input() -> None:
    asking = client(allowed_place(f"http://127.0.0.1:{free_port()}", allowed=None))
    with pytest.raises(BadInput, match="cannot be reached"):
        asking.send("GET", "/")
    asking.close()
