import asyncio

import pytest
from guard.unpaused import run
from guard.upstream.rude import ASK, until
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from reticent.guard.upstream import UpstreamBad, UpstreamDown, UpstreamError, UpstreamSlow
from reticent.guard.upstream.asgi import AsgiUpstream
from reticent.protocols.base import WireRequest

LATE_S = 0.1


def started(*headers, status=200):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def saying(*messages, then=None):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if then == "hang":
            await asyncio.sleep(60)
        if then == "raise":
            raise RuntimeError("sesame")

    return app


async def sent(upstream):
    response = await upstream.send(ASK)
    return response.status, response.media_type, dict(response.headers), response.body


async def streamed(upstream):
    async with upstream.stream(ASK) as held:
        whole = b"".join([piece async for piece in held.chunks()])
        return held.status, held.media_type, dict(held.headers), whole


@pytest.mark.parametrize("ask", [sent, streamed])
def test_a_real_application(ask):
    seen = {}

    async def infer(request):
        seen.update(body=await request.body(), headers=dict(request.headers), state=request.state.x)
        return JSONResponse(
            {"y": 2}, headers={"X-Secret": "s", "Kept": "k"}, background=BackgroundTask(dict)
        )

    app = Starlette(routes=[Route(ASK.path, infer, methods=["POST"])])
    upstream = AsgiUpstream(app, keep=["kept"], inherited={"state": {"x": 7}})
    assert run(ask(upstream)) == (200, "application/json", {"kept": "k"}, b'{"y":2}')
    assert (seen["body"], seen["state"]) == (ASK.body, 7)
    assert seen["headers"] == {
        "host": "localhost",
        "accept-encoding": "identity",
        "content-length": "7",
        "content-type": "application/json",
    }


@pytest.mark.parametrize("ask", [sent, streamed])
def test_an_application_that_raises_has_answered_500(ask):
    async def infer(request):
        raise RuntimeError("sesame")

    app = Starlette(routes=[Route(ASK.path, infer, methods=["POST"])])
    assert run(ask(AsgiUpstream(app)))[0] == 500
    assert run(ask(AsgiUpstream(saying(then="raise")))) == (500, "", {}, b"")
    assert run(ask(AsgiUpstream(saying(started(), body(b"x"), then="raise"))))[3] == b"x"


@pytest.mark.parametrize("ask", [sent, streamed])
@pytest.mark.parametrize(
    ("app", "error"),
    [
        (saying(started((b"location", b"/"), status=302), body()), UpstreamBad),
        (saying(started(status=101), body()), UpstreamBad),
        (saying(started((b"Content-Encoding", b"gzip")), body()), UpstreamBad),
        (saying(started(*[(b"content-type", b"a/b")] * 2), body()), UpstreamBad),
        (saying(started(), body(b"x" * 600, True), body(b"x" * 600)), UpstreamBad),
        (saying(started(), body(b"x", True)), UpstreamBad),
        (saying(started()), UpstreamBad),
        (saying(), UpstreamBad),
        (saying(body(b"x")), UpstreamBad),
        (saying(started(), started(), body()), UpstreamBad),
        (saying(then="hang"), UpstreamSlow),
        (saying(started(), body(b"x", True), then="hang"), UpstreamSlow),
        (saying(started(), body(b"x", True), then="raise"), UpstreamDown),
    ],
)
def test_an_application_that_misbehaves(app, error, ask):
    with pytest.raises(error) as raised:
        run(ask(AsgiUpstream(app, timeout_s=LATE_S, max_reply_bytes=1000)))
    assert "sesame" not in str(raised.value)


def test_a_stream_comes_piece_by_piece_and_can_be_left():
    ended = []

    async def pieces():
        try:
            for _ in range(1000):
                yield b"data: 1\n\n"
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def infer(request):
        return StreamingResponse(pieces(), media_type="text/event-stream")

    async def main():
        upstream = AsgiUpstream(Starlette(routes=[Route(ASK.path, infer, methods=["POST"])]))
        before = asyncio.all_tasks()
        async with upstream.stream(ASK) as held:
            assert (held.status, held.media_type) == (200, "text/event-stream")
            assert await anext(held.chunks()) == b"data: 1\n\n"
            assert not ended
        assert asyncio.all_tasks() == before

    run(main())


def test_the_application_waits_for_a_slow_reader():
    said = 0

    async def app(scope, receive, send):
        nonlocal said
        await send(started())
        for _ in range(1000):
            await send(body(b"x", True))
            said += 1
        await send(body())

    async def main():
        async with AsgiUpstream(app).stream(ASK) as held:
            for _ in range(100):
                await asyncio.sleep(0)
            assert said < 10
            assert len([piece async for piece in held.chunks()]) == 1000

    run(main())


@pytest.mark.parametrize("ask", [sent, streamed])
def test_what_an_application_does_behind_its_answer_keeps_nobody_waiting(ask):
    done = []

    async def later():
        await asyncio.sleep(2 * LATE_S)
        done.append(True)

    async def infer(request):
        return JSONResponse({"y": 2}, background=BackgroundTask(later))

    async def main():
        app = Starlette(routes=[Route(ASK.path, infer, methods=["POST"])])
        assert (await ask(AsgiUpstream(app, timeout_s=LATE_S)))[3] == b'{"y":2}'
        assert not done
        await until(lambda: done)

    run(main())


@pytest.mark.parametrize("ask", [sent, streamed])
def test_an_application_whose_own_deadline_passes_has_answered_500(ask):
    async def app(scope, receive, send):
        raise TimeoutError

    assert run(ask(AsgiUpstream(app)))[0] == 500


def test_the_same_application_within_other_bounds():
    upstream = AsgiUpstream(saying(started(), body(b"xx")), inherited={"state": 1}, keep=["a"])
    with pytest.raises(UpstreamBad):
        run(upstream.bounded(timeout_s=1.0, max_reply_bytes=1).send(ASK))
    assert run(upstream.bounded(timeout_s=1.0, max_reply_bytes=2).send(ASK)).body == b"xx"
    hanging = AsgiUpstream(saying(then="hang")).bounded(timeout_s=LATE_S, max_reply_bytes=9)
    with pytest.raises(UpstreamSlow):
        run(hanging.send(ASK))


def test_the_caller_gone_means_disconnected():
    heard = []

    async def app(scope, receive, send):
        heard.append((await receive())["body"])
        await send(started())
        await send(body())
        heard.append((await receive())["type"])

    async def main():
        request = WireRequest(
            method="POST", path="/", body=b"x", headers={"host": "evil", "a": "b"}
        )
        assert (await AsgiUpstream(app).send(request)).status == 200
        await until(lambda: len(heard) == 2)

    run(main())
    assert heard == [b"x", "http.disconnect"]


def test_errors_for_callers_are_the_guards_own():
    for error in (UpstreamBad, UpstreamDown, UpstreamSlow):
        assert issubclass(error, UpstreamError)
        assert error.status in (502, 503, 504)
        assert error.message.startswith("The model ")
