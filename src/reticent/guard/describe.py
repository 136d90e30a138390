"""What a guard's configuration means, in words: for `reticent guard --check`."""

import time

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.config.interfaces import interface_of
from reticent.guard.endpoints import gates_of, upstreams_of
from reticent.guard.gates import CHANNELS
from reticent.guard.identity import check_tokens
from reticent.guard.limits.scopes import ScopeMaker
from reticent.guard.screens import open_screen
from reticent.guard.types import Caller
from reticent.guard.upstream.asgi import AsgiUpstream
from reticent.protocols import protocol_kinds
from reticent.textindex.screen import ScreenMaker


def described(file: GuardFile) -> str:
    """Return a text for operators.

    Raises: BadInput, BadPolicy as the guard itself would, as far as nothing must be opened to see
        it: no port, store, journal or connection.
    """
    guard = file.guard
    gates_of(file, b"described", upstreams_of(file, AsgiUpstream(_nothing), time.monotonic))
    if guard.jwt is not None:
        check_tokens(guard.jwt, file.base)
    lines = [
        f"Callers connect to {guard.listen}, operators to {guard.admin}.",
        f"State: {file.state}. Limits are counted in {_where(guard.store)}; journal: "
        f"{'a file in the state folder' if guard.journal == 'sqlite' else 'PostgreSQL'}.",
    ]
    for endpoint in guard.endpoint:
        lines += ["", *_endpoint(file, endpoint)]
    return "\n".join(lines)


async def _nothing(*_: object) -> None:
    """Stand for the application around which the guard will be put."""


def _endpoint(file: GuardFile, endpoint: Endpoint) -> list[str]:
    name, policy = file.policy_of(endpoint)
    path = protocol_kinds()[endpoint.protocol]().path(interface_of(endpoint))
    channels = policy.exposes(CHANNELS[endpoint.task])
    somebody = Caller(tenant=endpoint.tenant, identity="x", token="x", models=frozenset())
    identity = ScopeMaker(endpoint, secret=b"described")(somebody, "127.0.0.1")[0]
    several = len({other.tenant for other in file.guard.endpoint}) > 1
    tenant = f" of tenant {endpoint.tenant}" if several else ""
    return [
        f"{endpoint.model}{tenant} ({endpoint.sensitivity}), answered for by {endpoint.owner}",
        f"  POST {path} ({endpoint.protocol}) -> {endpoint.upstream}",
        f"  policy {name}: {', '.join(d.kind for d in policy.defences) or 'none'}; "
        f"digest {policy.digest}",
        f"  callers see {'/'.join(sorted(c.name or '' for c in channels)).lower() or 'nothing'}",
        f"  an identity may ask {identity.rows_per_minute:g} rows a minute, "
        f"{identity.burst_rows} at once, {_ever(identity.lifetime_rows)}",
        *_text_filter(file, endpoint),
    ]


def _text_filter(file: GuardFile, endpoint: Endpoint) -> list[str]:
    wanted = endpoint.text_filter
    maker = open_screen(file, endpoint)
    if wanted is None or not isinstance(maker, ScreenMaker):
        return []
    index = maker.rules.index
    against = [] if index is None else [f"{wanted.index} ({index.chars:,} letters and digits)"]
    against += [f"personal data ({', '.join(wanted.personal)})"] if wanted.personal else []
    return [f"  texts are read against {' and '.join(against)}: {wanted.action}"]


def _where(store: str) -> str:
    return "this process" if store == "memory" else store.partition("://")[0]


def _ever(rows: int | None) -> str:
    return "without a lifetime budget" if rows is None else f"{rows:,} ever"
