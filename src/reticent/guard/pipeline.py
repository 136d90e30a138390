"""From a caller's request to what they get, step by step; nothing skips one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from reticent.core import BadAnswer, BadInput, BadPolicy
from reticent.guard import refusals
from reticent.guard.activity import Activity
from reticent.guard.arrival import Disconnected, Receive, media_type, read_body, whole_body
from reticent.guard.fingerprints import fingerprints
from reticent.guard.gates import Gate, Gates
from reticent.guard.metrics import Metrics
from reticent.guard.padding import until_grid
from reticent.guard.quiet import Tally
from reticent.guard.refusals import Refused
from reticent.guard.screens import is_private, noted
from reticent.guard.seats import Seat
from reticent.guard.text_filter import Finding
from reticent.guard.text_flow import TextFlow, asked_again, shaped_reply
from reticent.guard.types import (
    Admission,
    Authenticator,
    Caller,
    Entry,
    Frame,
    Framed,
    Journal,
    JournalDown,
    Limits,
    Scope,
)
from reticent.guard.upstream.errors import UpstreamBad, UpstreamError, UpstreamSlow
from reticent.guard.validation import OUTSIDE, TOO_MANY_ROWS
from reticent.guard.watching import Watching
from reticent.protocols import BadQuestion, BadReply, Question, WireRequest
from reticent.protocols.base import CHECKED, NO_HEADERS

if TYPE_CHECKING:  # an extra of its own
    from reticent.guard.tracing import Tracer

JSON = "application/json"
LONGEST_RETRY_S = 86_400.0
_NOTHING: Mapping[str, Any] = {}


# Not frozen: one is made for every request, and freezing it costs more than all else about it.
@dataclass(slots=True, eq=False)
class Reply:
    """What goes back to the caller.

    Attributes:
        status: HTTP status.
        body: all of it; b"" for a stream.
        digest: of the policy in force; "" where no model was reached.
        retry_after_s: 0 for no such header.
        stream: the rest of a streamed reply.
        media_type: of the body.
    """

    status: int
    body: bytes
    digest: str = ""
    retry_after_s: float = 0.0
    stream: TextFlow | None = None
    media_type: str = JSON


@dataclass(slots=True)
class _Passage:
    """One request under way: what is known of it so far."""

    method: str
    path: str
    headers: Mapping[str, str]
    address: str
    started_s: float
    seat: Seat | None = None
    caller: Caller | None = None
    gate: Gate | None = None
    question: Question | None = None
    admission: Admission | None = None
    prints: tuple[bytes, ...] = ()
    outcome: str = "gone"


@dataclass(slots=True, eq=False, kw_only=True)
class Pipeline:
    """The steps of a request, and what they need.

    Attributes:
        gates: the endpoints in force.
        identity: who is asking.
        limits: whether they may.
        journal: what is kept of it.
        metrics: what is counted of it.
        tally: refusals on their way to the journal.
        watching: detectors, off the path.
        activity: what operators see of it.
        who: caller -> pseudonyms of their identity and token.
        network: address -> pseudonym of its range.
        wall: seconds since 1970.
        clock: seconds, monotonic.
        tracer: where spans go; None for nowhere.
    """

    gates: Gates
    identity: Authenticator
    limits: Limits
    journal: Journal
    metrics: Metrics
    tally: Tally
    watching: Watching
    activity: Activity
    who: Callable[[Caller], tuple[str, str]]
    network: Callable[[str], str]
    wall: Callable[[], float]
    clock: Callable[[], float]
    tracer: "Tracer | None" = None

    async def handle(
        self,
        method: str,
        path: str,
        query: bytes,
        headers: Mapping[str, str],
        address: str,
        receive: Receive | bytes,
        seat: Seat | None = None,
    ) -> Reply:
        """Return the reply to a request; every request gets one.

        For `receive` see `read_body`, or it is all of the body; `seat` is where what follows from
        this head, from this connection, is remembered for the next that is alike.

        Raises: Disconnected if the caller has gone.
        """
        passage = _Passage(method, path, headers, address, self.clock(), seat)
        self.metrics.arrived()
        try:
            return await self._answered(passage, query, receive)
        except Refused as refused:
            return await self._refused(passage, refused)
        except JournalDown:
            return await self._refused(passage, refusals.closed("journal down"))
        except (Disconnected, asyncio.CancelledError):
            self.metrics.count(passage.gate.model if passage.gate else "", "gone")
            raise
        except Exception as error:
            self.tally.fault(error)
            return await self._refused(passage, refusals.broken())
        finally:
            self.metrics.left()
            if self.tracer is not None:
                self._trace(self.tracer, passage)
            if passage.admission is not None and passage.admission.granted:
                self.limits.release(passage.admission)

    @property
    def all_gates(self) -> list[Gate]:
        """Return every gate in force."""
        return [gate for place in self.gates.by_place.values() for gate in place]

    def _trace(self, tracer: "Tracer", passage: _Passage) -> None:
        gate, question = passage.gate, passage.question
        tracer.passed(
            model=gate.model if gate else "",
            outcome=passage.outcome,
            rows=question.cost if question else 0,
            digest=gate.digest if gate else "",
            ended_s=self.wall(),
            taken_s=self.clock() - passage.started_s,
        )

    async def _answered(self, passage: _Passage, query: bytes, receive: Receive | bytes) -> Reply:
        gates = self.gates
        seat = passage.seat
        proof = None if seat is None else seat.proof
        if proof is None:
            proof = self.identity.proof_in(passage.headers, passage.address)
            if seat is not None:
                seat.proof = proof
        caller = proof(self.wall())
        if caller is None:
            raise refusals.unauthenticated()
        passage.caller = caller
        if (
            seat is not None
            and seat.caller is caller
            and seat.gates is gates
            and isinstance(receive, bytes)
        ):
            gate = passage.gate = seat.gate
            passage.address = seat.address
            body = whole_body(receive, passage.headers, longest=gates.body_bytes)
            question = self._question(gate, passage, body, seat.media_type)
            scopes = seat.scopes
        else:
            gate, question, scopes = await self._asked(passage, caller, query, receive)
        admission = self.limits.admit_at_once(scopes, question.cost)
        if admission is None:
            admission = await self.limits.admit(scopes, question.cost, sensitive=gate.sensitive)
        passage.admission = admission
        if not admission.granted:
            raise _limited(admission)
        if question.stream:
            return await self._streamed(passage, gate, caller, question)
        try:
            request = gate.protocol.write_question(question, gate.interface)
        except BadQuestion as error:  # the server's form cannot carry what the caller's could
            raise refusals.invalid(OUTSIDE) from error
        try:
            response = await gate.upstream.send(request)
            found: list[Finding] = []
            body = shaped_reply(gate, response, question, found)
            if found and gate.attempts and is_private(found):
                body = await asked_again(gate, request, question, found)
        except UpstreamError as error:
            raise _no_reply(error) from error
        except (BadReply, BadAnswer) as error:
            self.tally.fault(error)
            raise refusals.no_reply(UpstreamBad.status, UpstreamBad.message, "bad reply") from error
        except BadPolicy as error:
            self.tally.fault(error)
            raise refusals.closed("policy does not fit", 0.0) from error
        entry = self._row(passage, gate, caller, question)
        if gate.durable or not self.journal.take(entry):
            await self.journal.append(entry, durable=gate.durable)
        self._kept(passage, entry, question)
        if found:
            await self._keep_found(passage, gate, found)
        if gate.time_grid_s:
            await until_grid(gate.time_grid_s, passage.started_s, self.clock)
        self.metrics.count(gate.model, "answered")
        self.metrics.answered(gate.model, question.cost, self.clock() - passage.started_s)
        return Reply(200, body, gate.digest)

    async def _asked(
        self, passage: _Passage, caller: Caller, query: bytes, receive: Receive | bytes
    ) -> tuple[Gate, Question, tuple[Scope, ...]]:
        """Return what a caller asks of which gate, and who is counted for it."""
        gates = self.gates
        passage.address = self.identity.address_of(passage.headers, passage.address)
        granted: Sequence[Gate] = gates.by_place.get((caller.tenant, passage.path), ())
        for gate in granted:
            if not caller.may_ask(gate.model, gate.endpoint.sensitivity):
                granted = _granted(granted, caller)
                break
        if not granted or passage.method != "POST":
            raise refusals.nothing_here()
        if len(granted) == 1:
            passage.gate = granted[0]
        if query:
            raise refusals.unreadable("A query string is not taken here.")
        most_bytes = gates.body_bytes
        if isinstance(receive, bytes):  # nearly every request is one piece
            body = whole_body(receive, passage.headers, longest=most_bytes)
        else:
            body = await read_body(
                receive, passage.headers, longest=most_bytes, timeout_s=gates.body_timeout_s
            )
        gate = passage.gate = granted[0] if len(granted) == 1 else _named_in(body, granted)
        kind = media_type(passage.headers)
        question = self._question(gate, passage, body, kind)
        scopes = gate.scopes(caller, passage.address)
        if passage.seat is not None and len(granted) == 1:
            address = passage.address
            passage.seat.take(gates, gate, caller, address=address, media_type=kind, scopes=scopes)
        return gate, question, scopes

    def _question(self, gate: Gate, passage: _Passage, body: bytes, kind: str) -> Question:
        request = WireRequest("POST", passage.path, body, kind, NO_HEADERS)
        try:
            question = gate.protocol.read_question(request, gate.interface)
        except BadQuestion as error:
            raise refusals.unreadable(str(error)) from error
        fault = gate.validator.check(question)
        if fault == TOO_MANY_ROWS:
            raise refusals.batch_too_large()
        if fault:
            raise refusals.invalid(fault)
        try:
            rows = question.rows
            floats = question.details.get(CHECKED) is rows
            passage.prints = fingerprints(gate.fingerprint_key, rows, floats=floats)
        except BadInput as error:  # a cell without stable bytes, where no inputs are declared
            raise refusals.invalid(OUTSIDE) from error
        passage.question = question
        return question

    async def _streamed(
        self, passage: _Passage, gate: Gate, caller: Caller, question: Question
    ) -> Reply:
        """Return a reply whose pieces go through the policy one by one as they come.

        The journal row is written before the first of them: what was begun is never unrecorded.
        """
        flow = TextFlow(gate, question, clock=self.clock, started_s=passage.started_s)
        try:
            await flow.open()
        except UpstreamError as error:
            raise _no_reply(error) from error
        try:
            entry = self._row(passage, gate, caller, question)
            await self.journal.append(entry, durable=gate.durable)
            self._kept(passage, entry, question)
        except BaseException:
            await flow.close()
            raise
        admission, passage.admission = passage.admission, None  # held until the stream is over

        async def done(outcome: str) -> None:
            self.metrics.count(gate.model, outcome)
            self.metrics.answered(gate.model, question.cost, self.clock() - passage.started_s)
            try:
                if flow.findings:
                    await self._keep_found(passage, gate, flow.findings)
            except JournalDown as error:  # what was let go was journalled before
                self.tally.fault(error)
            if admission is not None:
                self.limits.release(admission)

        flow.when_over(done)
        return Reply(200, b"", gate.digest, stream=flow, media_type="text/event-stream")

    async def _refused(self, passage: _Passage, refused: Refused) -> Reply:
        gate, caller = passage.gate, passage.caller
        passage.outcome = refused.outcome
        model = gate.model if gate else ""
        self.metrics.count(model, refused.outcome)
        identity, token = self.who(caller) if caller else ("", "")
        tenant = caller.tenant if caller else ""
        self.activity.refused(tenant, identity, model, refused.outcome, self.wall())
        self.tally.refusal(
            tenant=tenant,
            identity=identity,
            token=token,
            network=self.network(passage.address),
            model=model,
            outcome=refused.outcome,
            status=refused.status,
            rows=passage.question.cost if passage.question else 0,
        )
        # Who was let in must not learn from the clock why the answer did not come.
        if passage.admission is not None and gate is not None:
            await until_grid(gate.time_grid_s, passage.started_s, self.clock)
        body = _plain_refusal(refused) if gate is None else _in_protocol(gate, refused)
        digest = gate.digest if gate else ""
        return Reply(refused.status, body, digest, refused.retry_after_s)

    def _row(
        self, passage: _Passage, gate: Gate, caller: Caller, question: Question
    ) -> Entry | Framed:
        """Return the journal row of an answer."""
        seat = passage.seat
        if (
            seat is None
            or seat.caller is not caller
            or seat.gate is not gate
            or self.gates.keep_inputs
        ):
            return self._entry(passage, gate, caller, question)
        frame = seat.frames.get(question.cost)
        if frame is None:
            frame = Frame(self._entry(passage, gate, caller, question))
            seat.keep(question.cost, frame)
        return Framed(frame, self.wall(), passage.prints)

    def _entry(self, passage: _Passage, gate: Gate, caller: Caller, question: Question) -> Entry:
        """Return the same, with all that it says in its own place."""
        identity, token = self.who(caller)
        return Entry(
            time_s=self.wall(),
            kind="query",
            tenant=caller.tenant,
            identity=identity,
            token=token,
            network=self.network(passage.address),
            model=gate.model,
            rows=question.cost,
            outcome="answered",
            status=200,
            policy=gate.digest,
            fingerprints=passage.prints,
            detail={"inputs": question.rows} if self.gates.keep_inputs else _NOTHING,
        )

    def _kept(self, passage: _Passage, row: Entry | Framed, question: Question) -> None:
        """Note an answer that is in the journal."""
        entry = row.frame.entry if isinstance(row, Framed) else row
        passage.outcome = entry.outcome
        self.activity.answered(entry.tenant, entry.identity, entry.model, entry.rows, row.time_s)
        if self.watching.on:
            self.watching.see(row.whole() if isinstance(row, Framed) else row, question.rows)

    async def _keep_found(self, passage: _Passage, gate: Gate, findings: Sequence[Finding]) -> None:
        """Journal what the text filter found: fingerprints under the index's key, never text."""
        for found in findings:
            self.metrics.matched(gate.model, found.tier)
        identity, token = self.who(passage.caller) if passage.caller else ("", "")
        entry = Entry(
            time_s=self.wall(),
            kind="match",
            tenant=passage.caller.tenant if passage.caller else "",
            identity=identity,
            token=token,
            network=self.network(passage.address),
            model=gate.model,
            policy=gate.digest,
            fingerprints=passage.prints,
            detail={"filter": gate.filter_digest, "found": noted(findings)},
        )
        await self.journal.append(entry, durable=gate.durable)


def _named_in(body: bytes, gates: Sequence[Gate]) -> Gate:
    """Return the gate of the model that a body names; its protocol checks the body itself."""
    try:
        named = orjson.loads(body).get("model")
    except (ValueError, AttributeError) as error:
        raise refusals.unreadable() from error
    for gate in gates:
        if gate.model == named:
            return gate
    raise refusals.nothing_here()


def _granted(gates: Sequence[Gate], caller: Caller) -> Sequence[Gate]:
    return [gate for gate in gates if caller.may_ask(gate.model, gate.endpoint.sensitivity)]


def _limited(admission: Admission) -> Refused:
    if admission.reason == "too many rows":
        return refusals.batch_too_large()
    if admission.reason == "store away":
        return refusals.closed("store away", admission.retry_after_s)
    return refusals.limited(min(admission.retry_after_s, LONGEST_RETRY_S), admission.reason)


def _no_reply(error: UpstreamError) -> Refused:
    outcome = "upstream slow" if error.status == UpstreamSlow.status else "upstream down"
    return refusals.no_reply(error.status, error.message, outcome, error.retry_after_s)


def _in_protocol(gate: Gate, refused: Refused) -> bytes:
    return gate.protocol.write_refusal(refused.status, refused.message)


def _plain_refusal(refused: Refused) -> bytes:
    return b'{"error":"%s"}' % refused.message.encode("ascii")
