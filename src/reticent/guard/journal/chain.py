r"""Rows that hang together: what was once written cannot be changed, swapped or cut out unseen.

    commitment = SHA-256(salt || payload)
    link       = HMAC-SHA-256(chain key, previous link || sequence || commitment)

A row's text and its salt can be thrown away while the links still fit: without the salt, not even
a guess at the text can be confirmed. The first row hangs on a link made of the chain's name. The
end of a chain is another matter: whoever cuts it off breaks no link, see `checkpoint`.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from reticent.core import BadRecord
from reticent.guard.types import Entry, Framed

SALT_BYTES = 16
_TEXTS = ("tenant", "identity", "token", "network", "model", "outcome", "policy")
_FINGERPRINT_BYTES = 16
_DEEPEST = 20
_INNER, _OUTER = (bytes(byte ^ mask for byte in range(256)) for mask in (0x36, 0x5C))


class Row(NamedTuple):
    """One row of a chain.

    Attributes:
        sequence: 1, 2, 3, ... without a gap.
        payload: the entry as canonical JSON; zero bytes, or nothing, once erased.
        salt: 16 random bytes; zero bytes, or nothing, once erased.
        commitment: 32 bytes.
        link: 32 bytes.
        erased: whether text and salt were thrown away.
    """

    sequence: int
    payload: bytes
    salt: bytes
    commitment: bytes
    link: bytes
    erased: bool = False


class Head(NamedTuple):
    """Where a chain ends: how many rows it has, and the last one's link."""

    length: int
    link: bytes


def start_of(key: bytes, chain: str) -> Head:
    """Return the head of a chain that has no rows yet."""
    return Head(0, hmac.digest(key, b"reticent journal chain " + chain.encode(), "sha256"))


def sealed(key: bytes, head: Head, payloads: Sequence[bytes], salts: bytes) -> list[Row]:
    """Return the rows that go after `head`.

    Args:
        key: the chain key, 32 bytes.
        head: where the chain ends so far.
        payloads: n texts.
        salts: 16 n random bytes.
    """
    rows = []
    sequence, link = head
    # The writer's inner loop. HMAC by its definition (RFC 2104), the key's two blocks made once:
    # the same bytes as `link_of` in half the time.
    block, sha256 = key.ljust(64, b"\0"), hashlib.sha256
    inner, outer = sha256(block.translate(_INNER)).copy, sha256(block.translate(_OUTER)).copy
    for at, payload in zip(range(0, len(salts), SALT_BYTES), payloads, strict=True):
        salt = salts[at : at + SALT_BYTES]
        commitment = sha256(salt + payload).digest()
        sequence += 1
        told = inner()
        told.update(link + sequence.to_bytes(8, "big") + commitment)
        whole = outer()
        whole.update(told.digest())
        link = whole.digest()
        rows.append(Row(sequence, payload, salt, commitment, link))
    return rows


def link_of(key: bytes, previous: bytes, sequence: int, commitment: bytes) -> bytes:
    """Return the link of one row."""
    return hmac.digest(key, previous + sequence.to_bytes(8, "big") + commitment, "sha256")


def wrong_with(row: Row) -> str:
    """Return what is wrong with a row taken by itself; "" if nothing is."""
    if row.erased:
        left = row.payload.strip(b"\0") or row.salt.strip(b"\0")
        return "it counts as erased and still holds text" if left else ""
    if hashlib.sha256(row.salt + row.payload).digest() != row.commitment:
        return "its text is not what was written"
    return ""


def payload_of(entry: Entry | Framed) -> bytes:
    """Return an entry as canonical JSON: keys in order, no spaces, nothing that is empty.

    What JSON cannot say (a bare object, half a character) is written in words, never left out:
    an odd value must not cost the row.
    """
    if isinstance(entry, Framed):
        frame, time_s, prints = entry
        around = frame.around or _around(frame.entry)
        frame.around = around
        if around is None or type(time_s) is not float:
            return _written(entry.whole())
    else:
        around, time_s, prints = _around(entry), entry.time_s, entry.fingerprints
        if around is None or type(time_s) is not float:
            return _written(entry)
    if not prints:
        return b"{%b%b%b" % (around[0], orjson.dumps(time_s), around[1])
    told = (prints[0] if len(prints) == 1 else b"".join(prints)).hex().encode()
    return b'{"fingerprints":"%b",%b%b%b' % (told, around[0], orjson.dumps(time_s), around[1])


def _around(entry: Entry) -> tuple[bytes, bytes] | None:
    """Return what stands around the time, as `_around_time` does; None for what has to be read."""
    if entry.detail:
        return None
    try:  # nearly all: many differ in time and fingerprints alone
        return _around_time(
            entry.kind,
            entry.tenant,
            entry.identity,
            entry.token,
            entry.network,
            entry.model,
            entry.rows,
            entry.outcome,
            entry.status,
            entry.policy,
        )
    except TypeError:  # cannot be said, or not be remembered
        return None


@lru_cache(maxsize=1_024, typed=True)  # some 0.8 KB each; seats remember most
def _around_time(
    kind: str,
    tenant: str,
    identity: str,
    token: str,
    network: str,
    model: str,
    rows: int,
    outcome: str,
    status: int,
    policy: str,
) -> tuple[bytes, bytes]:
    """Return what stands before the time, fingerprints left out, and what stands behind it.

    In the order of the keys there are only fingerprints before `identity`, and only the token after
    the time.
    """
    entry = Entry(
        time_s=0.0,
        kind=kind,
        tenant=tenant,
        identity=identity,
        network=network,
        model=model,
        rows=rows,
        outcome=outcome,
        status=status,
        policy=policy,
    )
    before = orjson.dumps(_body(entry), option=orjson.OPT_SORT_KEYS)
    after = orjson.dumps({"token": token}) if token else b"{}"
    return before[1 : -len(b"0.0}")], (b"," if token else b"") + after[1:]


def _body(entry: Entry) -> dict[str, Any]:
    body: dict[str, Any] = {"time_s": entry.time_s, "kind": entry.kind}
    for name in _TEXTS:
        value = getattr(entry, name)
        if value:
            body[name] = value
    if entry.rows:
        body["rows"] = entry.rows
    if entry.status:
        body["status"] = entry.status
    if entry.fingerprints:
        body["fingerprints"] = b"".join(entry.fingerprints).hex()
    if entry.detail:
        body["detail"] = entry.detail
    return body


def _written(entry: Entry) -> bytes:
    body = _body(entry)
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(_sayable(body, 0), option=orjson.OPT_SORT_KEYS)


def entry_of(payload: bytes) -> Entry:
    """Return the entry that a payload stands for.

    Raises: BadRecord if it stands for none.
    """
    try:
        body = orjson.loads(payload)
        prints = bytes.fromhex(body.get("fingerprints", ""))
        return Entry(
            time_s=float(body["time_s"]),
            kind=body["kind"],
            rows=body.get("rows", 0),
            status=body.get("status", 0),
            fingerprints=tuple(_cut(prints, _FINGERPRINT_BYTES)),
            detail=body.get("detail", {}),
            **{name: body.get(name, "") for name in _TEXTS},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadRecord(
            f"A journal row holds {payload[:60]!r}, which is no entry ({error}).",
            way_out='Run "reticent journal verify".',
        ) from error


class Ranges:
    """Sequences as [first, last] pairs; they come in rising order.

    >>> ranges = Ranges()
    >>> for sequence in (1, 2, 3, 7):
    ...     ranges.add(sequence)
    >>> ranges.pairs
    [[1, 3], [7, 7]]
    """

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[list[int]] = []

    def add(self, sequence: int) -> None:
        """Take in one more sequence, greater than all before."""
        if self.pairs and self.pairs[-1][1] == sequence - 1:
            self.pairs[-1][1] = sequence
        else:
            self.pairs.append([sequence, sequence])


def uncovered(pairs: Iterable[Sequence[int]], by: Iterable[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the parts of `pairs` that lie in no pair of `by`; `pairs` rise.

    >>> list(uncovered([[1, 9]], [[2, 3], [3, 5], [8, 20]]))
    [[1, 1], [6, 7]]
    """
    covers = sorted((int(first), int(last)) for first, last in by)
    at = 0
    reach = 0  # the greatest end of all covers before `at`
    for first, last in pairs:
        todo = first
        while todo <= last:
            while at < len(covers) and covers[at][0] <= todo:
                reach = max(reach, covers[at][1])
                at += 1
            if reach >= todo:
                todo = reach + 1
                continue
            end = min(last, covers[at][0] - 1) if at < len(covers) else last
            yield [todo, end]
            todo = end + 1


def _cut(joined: bytes, size: int) -> Iterator[bytes]:
    return (joined[i : i + size] for i in range(0, len(joined), size))


def _sayable(value: object, depth: int) -> Any:
    """Return something close to a value that JSON can say."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {_text(k): _sayable(v, depth + 1) for k, v in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple)):
        return [_sayable(v, depth + 1) for v in value]
    return _text(value)[:200]


def _text(value: object) -> str:
    said = value if isinstance(value, str) else repr(value)
    return said.encode("utf-8", "backslashreplace").decode()
