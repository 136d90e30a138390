import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from guard.identity.clock import Clock
from guard.identity.issuer import NOW_S, Provider, ec, public, rsa, serving, signed
from hypothesis import given, strategies as st

from reticent.config.guard import Guard
from reticent.core import BadInput
from reticent.guard.identity import Identity, open_identity, open_key_changes
from reticent.guard.identity.key_changes import KeyChanges
from reticent.guard.pseudonyms import pseudonyms_of
from reticent.guard.types import Caller, Entry

SECRET = hashlib.sha256(b"a secret").digest()
HERE, PROXY = "192.0.2.1", "10.1.0.7"
ROOT = Path(__file__).parents[3]
VOUCHED = {"x-client-subject": "CN=alice", "x-client-verify": "SUCCESS"}
ENDPOINT = """
[[guard.endpoint]]
model = "credit"
owner = "Risk team"
protocol = "open-inference"
upstream = "http://127.0.0.1:9000"
"""


def guard(**other: Any) -> Guard:
    endpoint = {
        "model": "credit", "owner": "Risk team", "protocol": "open-inference",
        "upstream": "http://127.0.0.1:9000",
    }  # fmt: skip
    usual: dict[str, Any] = {
        "endpoint": [endpoint, endpoint | {"tenant": "acme", "model": "churn"}],
        "proxy": {"networks": [f"{PROXY}/32"], "grants": {"CN=alice": ["credit"]}},
        "jwt": {
            "issuer": "https://login.example.org",
            "audience": "models",
            "jwks": "keys.json",
            "tenant_claim": "org",
        },
    }
    return Guard(**{k: v for k, v in (usual | other).items() if v is not None})


@dataclass
class Place:
    identity: Identity
    changes: KeyChanges

    def ask(self, headers: Mapping[str, str], address: str = HERE) -> Caller | None:
        return self.identity.identify(headers, address, NOW_S)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "keys.json").write_text(json.dumps(public(rsa())), encoding="utf-8")
    clock, state = Clock(NOW_S), tmp_path / "state"
    changes = open_key_changes(guard(), state, secret=SECRET, clock=clock)
    identity = open_identity(guard(), tmp_path, state, secret=SECRET, clock=clock)
    yield Place(identity, changes)
    identity.close()
    changes.close()


def key_of(place: Place, identity: str, tenant: str = "default", model: str = "credit") -> str:
    made = place.changes.issue(tenant=tenant, identity=identity, models=(model,), lifetime_s=1000.0)
    place.identity._keys.refresh()
    return made.key.text


TOKEN = signed(rsa(), "RS256", org="default")


def test_each_way_alone(place: Place) -> None:
    key = key_of(place, "bob")
    asked = {
        "bob": {"x-api-key": key},
        "alice": {"authorization": f"Bearer {TOKEN}"},
    }
    for name, headers in asked.items():
        caller = place.ask(headers)
        assert caller is not None
        assert caller.identity == name
    by_bearer = place.ask({"authorization": f"bEaReR {key}"})
    assert by_bearer == place.ask({"x-api-key": key})
    vouched = place.ask(VOUCHED, PROXY)
    assert vouched is not None
    assert vouched.identity == "CN=alice"


def test_the_same_key_in_both_places_is_one_credential(place: Place) -> None:
    key = key_of(place, "bob")
    assert place.ask({"x-api-key": key, "authorization": f"Bearer {key}"}) is not None


def test_two_different_credentials_are_refused(place: Place) -> None:
    bob, eve = key_of(place, "bob"), key_of(place, "eve")
    for headers in (
        {"x-api-key": bob, "authorization": f"Bearer {eve}"},
        {"x-api-key": bob, "authorization": f"Bearer {TOKEN}"},
        {"x-api-key": bob, "authorization": "Basic Ym9iOmJvYg=="},
        {"x-api-key": bob, "authorization": "Bearer "},
        {"x-api-key": bob, "authorization": ""},
        {"x-api-key": "", "authorization": f"Bearer {bob}"},
    ):
        assert place.ask(headers) is None, headers
    for headers in (
        {"x-api-key": bob},
        {"authorization": f"Bearer {bob}"},
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": "Basic Ym9iOmJvYg=="},
        {"authorization": ""},
        {"x-api-key": ""},
    ):
        assert place.ask(VOUCHED | headers, PROXY) is None, headers


def test_headers_of_a_proxy_from_elsewhere_neither_help_nor_harm(place: Place) -> None:
    key = key_of(place, "bob")
    assert place.ask(VOUCHED) is None
    assert place.ask(VOUCHED | {"x-api-key": key}) == place.ask({"x-api-key": key})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Basic Ym9iOmJvYg=="},
        {"authorization": "Negotiate abc"},
        {"authorization": f"Token {TOKEN}"},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": f"token={TOKEN}"},
        {"x-api-key": TOKEN},  # only keys go there
        {"authorization": TOKEN},
        {"authorization": f"Bearer  {TOKEN}"},
        {"authorization": f"Bearer {TOKEN} {TOKEN}"},
        {"authorization": f"Bearer {TOKEN},Bearer {TOKEN}"},
        {"authorization": f'Bearer "{TOKEN}"'},
        {"Authorization": f"Bearer {TOKEN}"},  # never: names come in lower case
        {"proxy-authorization": f"Bearer {TOKEN}"},
        {"x-forwarded-access-token": TOKEN},
    ],
)
def test_what_proves_nothing(place: Place, headers: dict[str, str]) -> None:
    assert place.ask(headers) is None


def test_one_tenants_credentials_are_never_anothers(place: Place) -> None:
    ours = place.ask({"x-api-key": key_of(place, "bob")})
    theirs = place.ask({"x-api-key": key_of(place, "bob", tenant="acme", model="churn")})
    token = place.ask({"authorization": f"Bearer {signed(rsa(), 'RS256', org='acme')}"})
    assert ours is not None
    assert theirs is not None
    assert token is not None
    assert ours.tenant == "default"
    assert theirs.tenant == token.tenant == "acme"
    assert ours.may_ask("credit")
    assert not ours.may_ask("churn")
    assert not theirs.may_ask("credit")
    assert not set(pseudonyms_of(SECRET, ours)) & set(pseudonyms_of(SECRET, theirs))


def test_where_tokens_and_proxies_are_not_declared_they_prove_nothing(tmp_path: Path) -> None:
    only = guard(jwt=None, proxy=None)
    identity = open_identity(only, tmp_path, tmp_path, secret=SECRET, clock=Clock(NOW_S))
    assert identity.identify({"authorization": f"Bearer {TOKEN}"}, HERE, NOW_S) is None
    assert identity.identify(VOUCHED, PROXY, NOW_S) is None
    assert identity.address_of({"x-forwarded-for": "1.2.3.4"}, PROXY) == PROXY
    identity.close()


header_names = st.sampled_from(
    ["authorization", "x-api-key", "x-client-subject", "x-client-verify", "cookie"]
)
header_values = st.one_of(
    st.text(max_size=80),
    st.sampled_from(["SUCCESS", "CN=alice", "Bearer ", "Bearer rk_", "rk_", "Bearer a.b.c"]),
    st.text("rk_ABCabc019.", max_size=70),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identity]:
    """A guard to which no key was issued; kept for all examples."""
    base = tmp_path_factory.mktemp("empty")
    (base / "keys.json").write_text(json.dumps(public(rsa())), encoding="utf-8")
    identity = open_identity(guard(), base, base, secret=SECRET, clock=Clock(NOW_S))
    yield identity
    identity.close()


@given(
    headers=st.dictionaries(header_names, header_values, max_size=5), address=st.text(max_size=20)
)
def test_no_headers_prove_anything_by_accident(
    empty: Identity, headers: dict[str, str], address: str
) -> None:
    assert empty.identify(headers, address, NOW_S) is None


@pytest.mark.parametrize(
    ("jwt", "says"),
    [
        ({"jwks": "none.json"}, "none.json"),
        ({"jwks": "http://login.example.org/keys"}, "https"),
        ({"jwks": "http://127.0.0.1.example.org/keys"}, "https"),
        ({"jwks": "ftp://login.example.org/keys"}, "https"),
        ({"jwks": "https://user:word@login.example.org/keys"}, "user"),
        ({"jwks": "https:///keys"}, "URL"),
        ({"algorithms": ["HS256"]}, "HS256"),
        ({"algorithms": ["RS256", "none"]}, "none"),
        ({"algorithms": ["rs256"]}, "rs256"),
    ],
)
def test_a_configuration_that_would_let_anybody_in_is_refused(
    tmp_path: Path, jwt: dict[str, Any], says: str
) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(public(rsa())), encoding="utf-8")
    usual = {"issuer": "https://login.example.org", "audience": "models", "jwks": "keys.json"}
    wrong = guard(jwt=usual | jwt)
    with pytest.raises(BadInput, match=says):
        open_identity(wrong, tmp_path, tmp_path, secret=SECRET, clock=Clock())


@pytest.mark.parametrize("secret", [b"", bytes(32), b"changeme" * 4, SECRET[:31]], ids=len)
def test_a_weak_secret_opens_nothing(tmp_path: Path, secret: bytes) -> None:
    only = guard(jwt=None, proxy=None)
    with pytest.raises(BadInput, match="secret"):
        open_identity(only, tmp_path, tmp_path, secret=secret, clock=Clock())


def test_a_store_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite").write_text("no database, and longer than a header " * 50)
    only = guard(jwt=None, proxy=None)
    with pytest.raises(BadInput, match="store of API keys"):
        open_identity(only, tmp_path, tmp_path, secret=SECRET, clock=Clock())
    away = guard(jwt=None, proxy=None, journal="postgresql://127.0.0.1:1/none")
    with pytest.raises(BadInput, match="PostgreSQL"):
        open_identity(away, tmp_path, tmp_path, secret=SECRET, clock=Clock())


def reticent(*arguments: str, cwd: Path) -> str:
    """Run the command line as a process of its own."""
    code = "import sys; from reticent.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Lines:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def append(self, entry: Entry, *, durable: bool) -> None:
        self.entries.append(entry)

    async def close(self) -> None:
        pass


async def until(happened: Any, within_s: float = 30.0) -> None:
    ends_s = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < ends_s, "it never happened"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("where", ["sqlite", "postgres"])
def test_keys_change_under_a_running_guard(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    journal = "sqlite" if where == "sqlite" else request.getfixturevalue("fresh_postgres")
    text = f'[guard]\njournal = "{journal}"\n{ENDPOINT}'
    (tmp_path / "reticent.toml").write_text(text, encoding="utf-8")
    state = tmp_path / "guard-state"
    state.mkdir(mode=0o700)
    (state / "secret").touch(mode=0o600)
    (state / "secret").write_text(SECRET.hex(), encoding="ascii")
    only = guard(jwt=None, proxy=None, journal=journal)

    async def live() -> None:
        # Two guards; in one process here, each with a store, a memory and a watch of its own.
        guards = [
            open_identity(only, tmp_path, state, secret=SECRET, clock=time.time) for _ in range(2)
        ]
        lines = Lines()
        watches = [asyncio.create_task(one.watch(lines)) for one in guards]

        async def run(*arguments: str) -> str:
            command = ("keys", arguments[0], "reticent.toml", *arguments[1:])
            return await asyncio.to_thread(reticent, *command, cwd=tmp_path)

        def known(key: str) -> list[bool]:
            now_s = time.time()
            return [g.identify({"x-api-key": key}, HERE, now_s) is not None for g in guards]

        try:
            key = (await run("issue", "--identity", "bob", "--model", "credit")).strip()
            await until(lambda: all(known(key)))
            if where == "sqlite":  # the same code for both: once is enough
                old, key = key, (await run("rotate", key[3:15], "--grace-hours", "1")).strip()
                await until(lambda: all(known(key)))
                assert all(known(old))
                await run("expire", old[3:15], "--in-days", "0")
                await until(lambda: not any(known(old)))
                assert all(known(key))
            await run("revoke", key[3:15])
            await until(lambda: not any(known(key)))
            expected = ["issue", "rotate", "expire", "revoke"][:: 1 if where == "sqlite" else 3]
            await until(lambda: len(lines.entries) == len(expected))
            assert [e.outcome for e in lines.entries] == expected
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            for one in guards:
                one.close()

    asyncio.run(live())


def test_a_provider_rotates_its_keys_under_a_running_guard(tmp_path: Path) -> None:
    with serving() as provider:
        provider.show(rsa())
        asyncio.run(_rotation(provider, tmp_path))


async def _rotation(provider: Provider, base: Path) -> None:
    jwt = {"issuer": "https://login.example.org", "audience": "models", "jwks": provider.url}
    declared = guard(proxy=None, jwt=jwt | {"refresh_s": 1.0})

    def clock() -> float:  # a second goes by with every reading: the next is due, none is too old
        return NOW_S + provider.asked

    identity = open_identity(declared, base, base, secret=SECRET, clock=clock)
    assert provider.asked == 1
    watch = asyncio.create_task(identity.watch())
    old = {"authorization": f"Bearer {signed(rsa(), 'RS256')}"}
    new = {"authorization": f"Bearer {signed(ec(), 'ES256')}"}

    def known(headers: dict[str, str]) -> bool:
        return identity.identify(headers, HERE, clock()) is not None

    try:
        assert known(old)
        assert not known(new)
        provider.show(rsa(), ec())
        await until(lambda: known(new))
        assert known(old)
        provider.show(ec())
        await until(lambda: not known(old))
        assert known(new)
        provider.status = 503  # away: the last keys stay
        asked = provider.asked
        await until(lambda: provider.asked > asked + 1)
        assert known(new)
        assert not watch.done()
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        identity.close()


def test_a_guard_starts_while_the_provider_is_away_and_learns_later(tmp_path: Path) -> None:
    with serving() as provider:
        provider.status = 503
        provider.show(rsa())
        jwt = {"issuer": "https://login.example.org", "audience": "models", "jwks": provider.url}
        declared = guard(proxy=None, jwt=jwt)
        clock = Clock(NOW_S)
        identity = open_identity(declared, tmp_path, tmp_path, secret=SECRET, clock=clock)
        headers = {"authorization": f"Bearer {signed(rsa(), 'RS256')}"}
        assert identity.identify(headers, HERE, NOW_S) is None
        provider.status = 200
        clock.now_s += 10
        kept = identity._provider
        assert kept is not None
        assert kept.is_due()
        kept.refresh()
        assert identity.identify(headers, HERE, clock.now_s) is not None
        identity.close()


def test_a_watch_outlives_a_store_that_goes_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    only = guard(jwt=None, proxy=None)
    identity = open_identity(only, tmp_path, tmp_path, secret=SECRET, clock=time.time)
    changes = open_key_changes(only, tmp_path, secret=SECRET, clock=time.time)
    key = changes.issue(tenant="default", identity="bob", models=("*",), lifetime_s=None).key.text

    async def live() -> None:
        (tmp_path / "keys.sqlite").rename(tmp_path / "moved")
        watch = asyncio.create_task(identity.watch())
        await until(lambda: "cannot be read" in caplog.text)
        (tmp_path / "moved").rename(tmp_path / "keys.sqlite")
        await until(lambda: identity.identify({"x-api-key": key}, HERE, time.time()) is not None)
        await until(lambda: "over" in caplog.text)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

    asyncio.run(live())
    changes.close()
    identity.close()
