"""The routes of the operators' side."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reticent.guard.admin.health import Health
from reticent.guard.assemble import Parts


def admin_app(parts: Parts) -> Starlette:
    """Return the ASGI application of the operators' side."""
    health = Health(parts)

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        troubles = await health.troubles()
        body = {"status": "not ready" if troubles else "ready", "troubles": troubles}
        return JSONResponse(body, status_code=503 if troubles else 200)

    async def metrics(request: Request) -> Response:
        return Response(parts.metrics.exposition(), media_type=parts.metrics.media_type)

    return Starlette(
        routes=[
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/metrics", metrics),
        ]
    )
