"""What every protocol must do, for any protocol: ours and plug-ins'.

from reticent.testing import PROTOCOL_CHECKS, spoken

@pytest.mark.parametrize("check", PROTOCOL_CHECKS, ids=lambda check: check.__name__)
def test_my_protocol_conforms(check):
    for case in spoken(MyProtocol()):
        check(case)
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np

from reticent.core import Answer, canonical_rows
from reticent.core.errors import ReticentError
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Question,
    WireProtocol,
    WireRequest,
    WireResponse,
    protocol_kinds,
)
from reticent.protocols.base import JSON
from reticent.testing.conformance import NotConforming
from reticent.testing.protocol_cases import Spoken

MARK = "zq7mark"  # in no message of ours
MUTANTS = 400
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 2**64, 1e308, "", MARK, "\x00", "9" * 30),
    *([], {}, [[]], [None], [MARK], [[1], [1, 2]], {MARK: MARK}, [[[[[1]]]]], [{}]),
)


def is_on_the_shelf_under_its_kind(case: Spoken) -> None:
    """Demand that the entry point's name is the protocol's kind."""
    kind = case.protocol.kind
    _demand(
        protocol_kinds().get(kind) is type(case.protocol),
        f"{type(case.protocol).__name__} is not what the entry point {kind!r} loads",
    )


def brings_questions_back(case: Spoken) -> None:
    """Demand the same rows after writing and reading, and the same bytes the second time."""
    request = _written(case)
    _demand(
        request.method == "POST" and request.path == case.protocol.path(case.interface),
        f"{case.name} asks {request.method} {request.path}, not POST at its own path",
    )
    read = case.protocol.read_question(request, case.interface)
    _demand(
        canonical_rows(read.rows) == canonical_rows(case.rows),
        f"{case.name} reads other rows than it wrote",
    )
    _demand(
        read.cost == len(read.rows) and not read.stream,
        f"{case.name} charges a wrong number of rows",
    )
    again = case.protocol.write_question(read, case.interface)
    third = case.protocol.read_question(again, case.interface)
    _demand(
        case.protocol.write_question(third, case.interface).body == again.body,
        f"{case.name} has no canonical form of a question",
    )


def brings_answers_back(case: Spoken) -> None:
    """Demand the answer that was written, to the bit, withheld parts and hard labels included."""
    for question in _questions(case):
        for answer in case.answers:
            body = _wire(case).write_answer(answer, question, case.interface)
            found = _wire(case).read_answer(_reply(body), question, case.interface)
            _demand(
                _same(answer, found),
                f"{case.name} wrote {answer} as {body!r} and read {found}",
            )


def writes_equal_answers_alike(case: Spoken) -> None:
    """Demand one encoding: memory order, the sign of zero and the bits of a NaN tell nothing."""
    for answer in case.answers:
        _demand(
            _wire(case).write_answer(answer, case.question, case.interface)
            == _wire(case).write_answer(_disguised(answer), case.question, case.interface),
            f"{case.name} writes equal answers in two ways",
        )


def refuses_what_it_does_not_know(case: Spoken) -> None:
    """Demand BadQuestion for a key that nobody declared, wherever it stands."""
    request = _written(case)
    for body in _with_stranger(request.body):
        _refuses(case, replace(request, body=body), "an unknown key")
    for kind in ("application/octet-stream", "text/html", "", "application/x-www-form-urlencoded"):
        _refuses(case, replace(request, media_type=kind), f"the media type {kind!r}")
    _refuses(case, replace(request, method="GET"), "GET")


def drops_what_it_does_not_know(case: Spoken) -> None:
    """Demand that nothing else a server says gets through to what callers are written."""
    question = case.question
    for answer in case.answers[:1]:
        body = _wire(case).write_answer(answer, question, case.interface)
        headers = {"x-model": MARK, "server": MARK}
        for strange in (body, *_with_stranger(body)):
            response = WireResponse(status=200, body=strange, headers=headers)
            try:
                found = _wire(case).read_answer(response, question, case.interface)
            except BadReply:
                continue
            again = _wire(case).write_answer(found, question, case.interface)
            _demand(again == body, f"{case.name} passes on what it does not know: {again!r}")


def refuses_keys_that_come_twice(case: Spoken) -> None:
    """Demand a refusal of duplicate keys, in questions and replies."""
    request = _written(case)
    for body in _doubled(request.body):
        _refuses(case, replace(request, body=body), "a key that comes twice")
    for answer in case.answers[:1]:
        body = _wire(case).write_answer(answer, case.question, case.interface)
        for twice in _doubled(body):
            _rejects(case, WireResponse(status=200, body=twice), "a key that comes twice")


def survives_garbage(case: Spoken) -> None:
    """Demand BadQuestion or BadReply, and nothing else, for whatever is no message."""
    rng = np.random.default_rng(7)
    request = _written(case)
    for body in _mutants(request.body, rng):
        try:
            found = case.protocol.read_question(replace(request, body=body), case.interface)
            case.protocol.write_question(found, case.interface)
        except BadQuestion:
            continue
        except ReticentError as error:
            raise NotConforming(
                f"{case.name} raised {type(error).__name__} for {body!r}"
            ) from error
        _demand(len(found.rows) > 0 and found.cost > 0, f"{case.name} reads {body!r} as no rows")
    for answer in case.answers[:1]:
        reply = _wire(case).write_answer(answer, case.question, case.interface)
        for body in _mutants(reply, rng):
            try:
                read = _wire(case).read_answer(_reply(body), case.question, case.interface)
                _wire(case).write_answer(read, case.question, case.interface)
            except BadReply:
                continue
            _demand(len(read) == len(case.rows), f"{case.name} reads {body!r} as {len(read)} rows")


def refuses_another_number_of_rows(case: Spoken) -> None:
    """Demand BadReply for two answers to three questions, and for four."""
    for answer in case.answers:
        for index in ([0, 1], [0, 1, 2, 2]):
            other = answer.take(np.array(index))
            asked = Question(rows=[case.rows[i] for i in index], cost=len(index))
            body = _wire(case).write_answer(other, asked, case.interface)
            _rejects(case, _reply(body), f"{len(index)} answers to 3 questions")


def refuses_other_statuses(case: Spoken) -> None:
    """Demand BadReply for every status but 200, whatever the body says."""
    for answer in case.answers[:1]:
        body = _wire(case).write_answer(answer, case.question, case.interface)
        for status in (201, 204, 302, 400, 404, 500):
            _rejects(case, WireResponse(status=status, body=body), f"status {status}")


def says_only_the_message_when_it_refuses(case: Spoken) -> None:
    """Demand that a refusal depends on nothing but the status and our message."""
    for status in (400, 401, 403, 404, 413, 429, 500, 503):
        body = case.protocol.write_refusal(status, MARK)
        _demand(MARK.encode() in body, f"{case.name} refuses without the message")
        _demand(
            body.replace(MARK.encode(), b"Other.") == case.protocol.write_refusal(status, "Other."),
            f"{case.name} says more than the message when it refuses",
        )
        json.loads(body)


def never_quotes_a_question(case: Spoken) -> None:
    """Demand that no refusal repeats what the caller wrote."""
    request = _written(case)
    for odd in (MARK, [MARK], {MARK: MARK}, [[MARK]], {MARK: [1]}):
        for body in _with_leaf(request.body, odd):
            try:
                case.protocol.read_question(replace(request, body=body), case.interface)
            except BadQuestion as error:
                _demand(MARK not in str(error), f"{case.name} quotes the caller: {error}")


PROTOCOL_CHECKS: tuple[Callable[[Spoken], None], ...] = (
    is_on_the_shelf_under_its_kind,
    brings_questions_back,
    brings_answers_back,
    writes_equal_answers_alike,
    refuses_what_it_does_not_know,
    drops_what_it_does_not_know,
    refuses_keys_that_come_twice,
    survives_garbage,
    refuses_another_number_of_rows,
    refuses_other_statuses,
    says_only_the_message_when_it_refuses,
    never_quotes_a_question,
)


def _wire(case: Spoken) -> WireProtocol:
    return cast("WireProtocol", case.protocol)


def _written(case: Spoken) -> WireRequest:
    return case.protocol.write_question(case.question, case.interface)


def _questions(case: Spoken) -> Iterator[Question]:
    """Yield the question as asked, and as read off the wire."""
    yield case.question
    yield case.protocol.read_question(_written(case), case.interface)


def _reply(body: bytes) -> WireResponse:
    return WireResponse(status=200, body=body, media_type=JSON)


def _refuses(case: Spoken, request: WireRequest, what: str) -> None:
    try:
        case.protocol.read_question(request, case.interface)
    except BadQuestion:
        return
    raise NotConforming(f"{case.name} takes {what}: {request.body!r}.")


def _rejects(case: Spoken, response: WireResponse, what: str) -> None:
    try:
        _wire(case).read_answer(response, case.question, case.interface)
    except BadReply:
        return
    raise NotConforming(f"{case.name} takes {what}: {response.body!r}.")


def _same(wanted: Answer, found: Answer) -> bool:
    parts = ("labels", "scores", "values", "embeddings")
    pairs = [(getattr(wanted, part), getattr(found, part)) for part in parts]
    return all(
        (a is None) == (b is None)
        and (a is None or (a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype != int)))
        for a, b in pairs
    )


def _disguised(answer: Answer) -> Answer:
    """Return an equal answer that looks different in memory."""

    def turned(part: Any) -> Any:
        if part is None:
            return None
        copy = np.asfortranarray(part) if part.ndim == 2 else part.repeat(2)[::2]
        if copy.dtype.kind == "f":
            copy = np.where(copy == 0, -0.0, copy)
            copy[np.isnan(copy)] = -np.nan
        return copy

    return Answer(
        labels=turned(answer.labels),
        scores=turned(answer.scores),
        values=turned(answer.values),
        embeddings=turned(answer.embeddings),
    )


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a JSON value, itself first."""
    yield at
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*at, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def _changed(body: bytes, place: tuple[Any, ...], new: Any) -> bytes:
    value = json.loads(body)
    if not place:
        return json.dumps(new).encode()
    _at(value, place[:-1])[place[-1]] = new
    return json.dumps(value).encode()


def _with_leaf(body: bytes, new: Any) -> Iterator[bytes]:
    for place in _places(json.loads(body)):
        yield _changed(body, place, new)


def _with_stranger(body: bytes) -> Iterator[bytes]:
    value = json.loads(body)
    for place in _places(value):
        found = _at(value, place)
        if isinstance(found, dict):
            yield _changed(body, place, {**found, MARK: MARK})
            yield _changed(body, place, {MARK: [[1.0]], **found})


def _doubled(body: bytes) -> Iterator[bytes]:
    """Yield the body with one key twice, in one object after the other."""
    value = json.loads(body)
    for place in _places(value):
        found = _at(value, place)
        if isinstance(found, dict) and found:
            key = next(iter(found))
            twice = _changed(body, place, {**found, MARK: found[key]})
            yield twice.replace(f'"{MARK}"'.encode(), json.dumps(key).encode())


def _mutants(body: bytes, rng: "np.random.Generator") -> Iterator[bytes]:
    """Yield bodies with odd values in every place, and with bytes cut, flipped and spliced."""
    for odd in _ODD:
        yield from _with_leaf(body, odd)
    for _ in range(MUTANTS):
        at, to = sorted(rng.integers(0, len(body) + 1, size=2).tolist())
        how = int(rng.integers(4))
        if how == 0:
            yield body[:at] + body[to:]
        elif how == 1:
            yield body[:to] + body[at:]
        elif how == 2:
            yield body[:at] + bytes(rng.integers(0, 256, size=3).tolist()) + body[at:]
        else:
            signs = b'[]{},:"\\-.e0N\xff\x00'
            yield body[:at] + signs[(i := int(rng.integers(len(signs)))) : i + 1] + body[at + 1 :]


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise NotConforming(otherwise + ".")
