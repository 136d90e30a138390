"""The routes of the operators' side."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from reticent.guard.admin.health import Health
from reticent.guard.admin.session import COOKIE, LASTS_S, Sessions, metrics_token
from reticent.guard.admin.view import Gathering
from reticent.guard.assemble import Parts
from reticent.guard.loopback import is_loopback

LIVE_EVERY_S = 2.0
MOST_FORM_BYTES = 1_000
MOST_WATCHERS = 20
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def admin_app(parts: Parts) -> Starlette:
    """Return the ASGI application of the operators' side."""
    pages = _Pages(parts)
    return Starlette(
        routes=[
            Route("/livez", pages.live),
            Route("/readyz", pages.ready),
            Route("/metrics", pages.metrics),
            Route("/", pages.home),
            Route("/dashboard", pages.dashboard),
            Route("/dashboard/live", pages.events),
            Route("/dashboard/live.js", pages.script),
            Route("/dashboard/login", pages.login, methods=["GET", "POST"]),
            Route("/dashboard/logout", pages.logout, methods=["POST"]),
        ]
    )


class _Pages:
    """Answers operators."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._wall = parts.pipeline.wall
        self._health = Health(parts)
        self._sessions = Sessions(parts.secret)
        self._token = metrics_token(parts.secret).encode("ascii")
        self._gathering = Gathering(parts, self._wall)
        self._watchers = 0
        self._templates = Environment(
            loader=PackageLoader("reticent.guard.admin"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    async def live(self, request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        troubles = await self._health.troubles()
        body = {"status": "not ready" if troubles else "ready", "troubles": troubles}
        return JSONResponse(body, status_code=503 if troubles else 200)

    async def metrics(self, request: Request) -> Response:
        """Show the counters; beyond this machine, to those with the token only."""
        if not self._may_measure(request):
            headers = {"WWW-Authenticate": "Bearer"}
            return Response("A metrics token is needed.", 401, headers)
        self._parts.metrics.journal(up=not self._parts.journal.down)
        exposition = self._parts.metrics.exposition()
        return Response(exposition, headers={"Content-Type": self._parts.metrics.media_type})

    async def home(self, request: Request) -> Response:
        return RedirectResponse("/dashboard", 303)

    async def dashboard(self, request: Request) -> Response:
        if not self._may_look(request):
            return RedirectResponse("/dashboard/login", 303)
        return self._page("dashboard.html", main=await self._main())

    async def events(self, request: Request) -> Response:
        """Send the page's middle anew whenever it has changed."""
        if not self._may_look(request):
            return Response(status_code=401)
        if self._watchers >= MOST_WATCHERS:
            return Response(status_code=503)
        return StreamingResponse(
            self._changes(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def script(self, request: Request) -> Response:
        source = self._templates.get_template("live.js").render()
        return Response(source, media_type="text/javascript", headers=HEADERS)

    async def login(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page("login.html", wrong=False)
        if int(request.headers.get("content-length", MOST_FORM_BYTES + 1)) > MOST_FORM_BYTES:
            return Response(status_code=413)
        password = _field(await request.body(), "password")
        if not self._sessions.opens(password, self._wall()):
            return self._page("login.html", status=401, wrong=True)
        response = RedirectResponse("/dashboard", 303)
        response.set_cookie(
            COOKIE,
            self._sessions.issue(self._wall()),
            max_age=LASTS_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
            path="/dashboard",
        )
        return response

    async def logout(self, request: Request) -> Response:
        response = RedirectResponse("/dashboard/login", 303)
        response.delete_cookie(COOKIE, path="/dashboard")
        return response

    def _may_look(self, request: Request) -> bool:
        return self._sessions.holds(request.cookies.get(COOKIE), self._wall())

    def _may_measure(self, request: Request) -> bool:
        host = self._parts.file.guard.admin.rpartition(":")[0].strip("[]")
        if is_loopback(host) or self._may_look(request):
            return True
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self._token)

    async def _main(self) -> str:
        view = await self._gathering.view(await self._health.troubles())
        return self._templates.get_template("main.html").render(v=view)

    async def _changes(self) -> AsyncIterator[bytes]:
        self._watchers += 1
        try:
            before = ""
            while not self._parts.ending.is_set():
                main = await self._main()
                if main != before:
                    lines = "\n".join(f"data: {line}" for line in main.splitlines())
                    yield f"{lines}\n\n".encode()
                    before = main
                with suppress(TimeoutError):
                    async with asyncio.timeout(LIVE_EVERY_S):
                        await self._parts.ending.wait()
        finally:
            self._watchers -= 1

    def _page(self, name: str, status: int = 200, **values: object) -> HTMLResponse:
        page = self._templates.get_template(name).render(**values)
        return HTMLResponse(page, status_code=status, headers=HEADERS)


def _field(body: bytes, name: str) -> str:
    from urllib.parse import parse_qs

    try:
        found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
    except ValueError:  # more fields than our form has
        return ""
    return found.get(name, [""])[0]
