"""A live endpoint, bare or behind a guard, asked as any of its callers would."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast, final
from urllib.parse import urlsplit

import numpy as np
import urllib3

from reticent.core import (
    Answer,
    BadAnswer,
    BadInput,
    Channel,
    Inputs,
    NotExposed,
)
from reticent.core.answers import SUM_TOL
from reticent.core.inputs import is_missing
from reticent.protocols import (
    BadQuestion,
    BadReply,
    Interface,
    Question,
    WireProtocol,
    WireResponse,
    protocol_kinds,
)
from reticent.targets._raw import in_chunks, pick

if TYPE_CHECKING:
    import pandas as pd

POLICY_HEADER = "reticent-policy"
MOST_REPLY_BYTES = 64 << 20
_TOO_MANY = 429
_PASSING = frozenset({500, 502, 503, 504, 529})  # a server's own trouble, which may pass
_PLAIN = (str, int, float, bool)


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HttpTarget:
    """A model server reached over HTTP. Build it with `open_http`, which finds out its channels.

    What stands before it (a guard, a rate limit) is part of it: an answer may lack scores, and
    hold rounded or withheld ones. A policy of the audit's own would come on top.

    Attributes:
        name: how messages call it.
        origin: scheme, host and port.
        protocol: how it is spoken to.
        interface: what is declared about it; its class values are this target's.
        offered: the channels that it was seen to offer.
        key: bearer token; "" for none.
        policy_digest: of the policy that a guard must say it has in force; "" for any or none.
        batch_rows: rows in one request.
        timeout_s: longest wait for a connection, and for each part of an answer.
        wait_s: longest wait, over all of one call, that rate limits (429) are given.
        back_off_s: first wait after a 429 that names no time, or an error of the server (5xx);
            twice as long each time in a row, within `wait_s`. 0 takes both for an answer.
        sleep: waits; an argument so that tests need not.
    """

    name: str
    origin: str
    protocol: WireProtocol
    interface: Interface
    offered: Channel
    key: str = field(default="", repr=False)
    policy_digest: str = ""
    batch_rows: int = 100
    timeout_s: float = 30.0
    wait_s: float = 120.0
    back_off_s: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    _pool: urllib3.PoolManager = field(
        init=False,
        repr=False,
        default_factory=lambda: urllib3.PoolManager(maxsize=1, retries=False),
    )

    @property
    def channels(self) -> Channel:
        """Return the channels that the endpoint was seen to offer."""
        return self.offered

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the declared class values; empty for a regressor."""
        return self.interface.classes

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the declared input columns, in order."""
        return self.interface.columns

    def answer(self, x: Inputs) -> Answer:
        """Return what the endpoint says to each row, in requests of `batch_rows`.

        Raises: BadAnswer if it cannot be reached, refuses, or answers something else than in the
            first request; BadInput for cells that JSON cannot carry.
        """
        chosen = pick(x, self.interface.columns, model=self.name)
        waited = [0.0]
        return in_chunks(lambda part: self._ask(part, waited), chosen, chunk_rows=self.batch_rows)

    def weights(self) -> object:
        """Raise NotExposed: an endpoint hands out no weights."""
        raise NotExposed(
            f"{self.name} is an endpoint; it hands out no weights.",
            way_out="Audit the model file itself for white-box attacks.",
        )

    def _ask(self, x: Inputs, waited: list[float]) -> Answer:
        said = self._said(x, waited)
        answer = said.only(self.offered)
        if self.offered & ~answer.channels & ~Channel.SCORES:
            raise BadAnswer(
                f"{self.name} answers without {_lost(self.offered, answer)}, which it gave before.",
                way_out="Ask an endpoint whose answers all have the same parts.",
            )
        return answer

    def _said(self, x: Inputs, waited: list[float]) -> Answer:
        rows = rows_of(x)
        question = Question(rows=rows, cost=len(rows))
        try:
            request = self.protocol.write_question(question, self.interface)
        except BadQuestion as error:
            raise BadInput(error.what, way_out=error.way_out) from error
        headers = {
            "content-type": request.media_type,
            "accept": "application/json",
            "accept-encoding": "identity",
            **request.headers,
        }
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        response = self._sent(request.path, request.body, headers, waited)
        try:
            answer = self.protocol.read_answer(response, question, self.interface)
        except BadReply as error:
            raise self._refused(response, error) from error
        self._check_policy(response)
        _check(answer, self.name)
        return answer

    def _check_policy(self, response: WireResponse) -> None:
        """Raise BadAnswer if a guard does not name the policy that is under audit."""
        named = response.headers.get(POLICY_HEADER, "")
        if self.policy_digest and named != self.policy_digest:
            found = f"the policy {named[:12]}" if named else "no policy"
            raise BadAnswer(
                f"{self.name} names {found}, not {self.policy_digest[:12]}, which is under audit.",
                way_out="Give the [[policy]] that the guard has in force, or leave out "
                "model.guarded.",
            )

    def _sent(
        self, path: str, body: bytes, headers: dict[str, str], waited: list[float]
    ) -> WireResponse:
        next_s = self.back_off_s
        while True:
            response = self._once(path, body, headers)
            passing = response.status in _PASSING and next_s > 0
            if response.status != _TOO_MANY and not passing:
                return response
            pause_s = _retry_after_s(response)
            if pause_s is None and next_s > 0:
                pause_s, next_s = next_s, 2 * next_s
            if passing and waited[0] + (pause_s or 0.0) > self.wait_s:
                return response  # its own words say more than ours
            if pause_s is None or waited[0] + pause_s > self.wait_s:
                when = "" if pause_s is None else f" and asks to wait {pause_s:g} s"
                raise BadAnswer(
                    f"{self.name} limits the rate of questions (429){when}; waiting is allowed "
                    f"for {self.wait_s:g} s in all, of which {waited[0]:g} s are used.",
                    way_out="Raise model.wait_s, or ask for a greater allowance.",
                )
            waited[0] += pause_s
            self.sleep(pause_s)

    def _once(self, path: str, body: bytes, headers: dict[str, str]) -> WireResponse:
        try:
            raw = self._pool.request(
                "POST",
                self.origin + path,
                body=body,
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=self.timeout_s, read=self.timeout_s),
            )
            try:
                content = raw.read(MOST_REPLY_BYTES + 1, decode_content=False)
            finally:
                raw.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise BadAnswer(
                f"{self.name} at {self.origin} cannot be asked: {type(error).__name__}: "
                f"{str(error)[:200]}",
                way_out="Check model.url, and that the server is up.",
            ) from error
        if len(content) > MOST_REPLY_BYTES or raw.headers.get("content-encoding"):
            raise BadAnswer(
                f"{self.name} answered with more than {MOST_REPLY_BYTES} bytes, or compressed "
                "though it was not asked to.",
                way_out="Lower model.batch_rows, or switch compression off.",
            )
        return WireResponse(
            status=raw.status,
            body=content,
            media_type=raw.headers.get("content-type", "").split(";")[0].strip().lower(),
            headers={name.lower(): value for name, value in raw.headers.items()},
        )

    def _refused(self, response: WireResponse, error: BadReply) -> BadAnswer:
        way_out = error.way_out
        if response.status in (401, 403):
            way_out = "Name the environment variable that holds a key in model.key_env."
        elif 300 <= response.status < 400:
            way_out = "Redirects are not followed: give the address that it points to."
        return BadAnswer(f"{self.name}: {error.what}", way_out=way_out)


def open_http(
    url: str,
    *,
    protocol: str,
    interface: Interface,
    first: Inputs,
    name: str = "",
    key_env: str | None = None,
    policy_digest: str = "",
    batch_rows: int = 100,
    timeout_s: float = 30.0,
    wait_s: float = 120.0,
    back_off_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> HttpTarget:
    """Return an endpoint as a target; it is asked a few rows to see what it offers.

    Args:
        url: scheme, host and port; a path stands for the protocol's own.
        protocol: name of an installed protocol of predictions.
        interface: what is declared about the model.
        first: some rows to ask.
        name: how messages call it; the URL if empty.
        key_env: environment variable that holds the bearer token.
        policy_digest: of the policy that a guard must say it has in force; "" for any or none.
        batch_rows: rows in one request.
        timeout_s: longest wait for a connection, and for each part of an answer.
        wait_s: longest wait in all that rate limits are given.
        back_off_s: first wait after an error that may pass; 0 for none.
        sleep: waits.

    Raises: BadInput for what cannot be used; BadAnswer if the endpoint does not answer.
    """
    origin, interface = _placed(url, interface)
    asked = HttpTarget(
        name=name or url,
        origin=origin,
        protocol=find_protocol(protocol, interface),
        interface=interface,
        offered=~Channel(0),
        key=_key(key_env),
        policy_digest=policy_digest,
        batch_rows=batch_rows,
        timeout_s=timeout_s,
        wait_s=wait_s,
        back_off_s=back_off_s,
        sleep=sleep,
    )
    answer = asked._said(pick(first, interface.columns, model=asked.name), [0.0])
    offered = answer.channels
    if answer.scores is not None and np.isnan(answer.scores).any():
        offered &= ~Channel.SCORES
    return HttpTarget(
        name=asked.name,
        origin=origin,
        protocol=asked.protocol,
        interface=interface,
        offered=offered,
        key=asked.key,
        policy_digest=policy_digest,
        batch_rows=batch_rows,
        timeout_s=timeout_s,
        wait_s=wait_s,
        back_off_s=back_off_s,
        sleep=sleep,
    )


def find_protocol(kind: str, interface: Interface) -> WireProtocol:
    """Return the protocol of that name, which can carry the interface's task.

    Raises: BadInput for one that is not installed, that carries another task, or whose settings
        cannot be used.
    """
    kinds = protocol_kinds()
    if kind not in kinds:
        raise BadInput(f"There is no protocol {kind!r}.", way_out=f"Installed: {', '.join(kinds)}.")
    if interface.task not in kinds[kind].tasks:
        raise BadInput(
            f"The protocol {kind} carries {', '.join(kinds[kind].tasks)}, not {interface.task}.",
            way_out="Choose another protocol or task.",
        )
    found = cast("WireProtocol", kinds[kind]())
    found.path(interface)
    return found


def _placed(url: str, interface: Interface) -> tuple[str, Interface]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise BadInput(
            f"{url!r} is no http or https URL without a user name.",
            way_out='Write it as "http://127.0.0.1:9000".',
        )
    if parts.query or parts.fragment:
        raise BadInput(f"{url!r} has a query or a fragment.", way_out="Leave it out.")
    origin = f"{parts.scheme}://{parts.netloc}"
    if not parts.path.strip("/"):
        return origin, interface
    return origin, Interface(
        model=interface.model,
        task=interface.task,
        classes=interface.classes,
        columns=interface.columns,
        row_shape=interface.row_shape,
        outputs=interface.outputs,
        path=parts.path,
        version=interface.version,
        settings=interface.settings,
    )


def _key(key_env: str | None) -> str:
    if key_env is None:
        return ""
    key = os.environ.get(key_env, "")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInput(
            f"The environment variable {key_env} holds no key.",
            way_out=f"export {key_env}=... before the audit.",
        )
    return key


def rows_of(x: Inputs) -> Sequence[Any]:
    """Return rows as a question has them: an array of numbers, or lists of cells, None if missing.

    Raises: BadInput for cells that JSON cannot carry.
    """
    if isinstance(x, np.ndarray) and x.dtype.kind in "fi" and np.isfinite(x).all():
        return cast("Sequence[Any]", x)
    if isinstance(x, np.ndarray):
        table = x.reshape(len(x), -1) if x.ndim == 1 else x
        return [_plain_row(row) for row in table.tolist()]
    kinds = {cells.dtype.kind if hasattr(cells.dtype, "kind") else "O" for _, cells in x.items()}
    if kinds == {"f"} and all(str(kind).startswith("float") for kind in x.dtypes):
        array = np.ascontiguousarray(x.to_numpy(dtype=np.float64))
        if np.isfinite(array).all():
            return cast("Sequence[Any]", array)
    columns = [_plain_row(_objects(x.iloc[:, j])) for j in range(x.shape[1])]
    return [list(row) for row in zip(*columns, strict=True)]


def _objects(column: "pd.Series[Any]") -> list[Any]:
    return list(column.astype(object).tolist())


def _plain_row(cells: list[Any]) -> list[Any]:
    return [_plain_cell(cell) for cell in cells]


def _plain_cell(cell: Any) -> Any:
    if type(cell) is list:
        return _plain_row(cell)
    if is_missing(cell):
        return None
    plain = cell.item() if isinstance(cell, np.generic) else cell
    if type(plain) not in _PLAIN:
        raise BadInput(
            f"A cell is a {type(plain).__name__}, which JSON cannot carry.",
            way_out="Turn it into a number or a text, as the endpoint's callers do.",
        )
    return plain


def _check(answer: Answer, name: str) -> None:
    """Raise BadAnswer for scores that are none; withheld and rounded ones are fine."""
    if answer.scores is not None:
        shown = answer.scores[~np.isnan(answer.scores)]
        if ((shown < -SUM_TOL) | (shown > 1 + SUM_TOL)).any():
            raise BadAnswer(
                f"{name} answered with scores outside [0, 1].",
                way_out="Wrap the model so that it returns class probabilities.",
            )


def _lost(offered: Channel, answer: Answer) -> str:
    lost = offered & ~answer.channels & ~Channel.SCORES
    return "/".join(c.name or "" for c in lost)


def _retry_after_s(response: WireResponse) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
