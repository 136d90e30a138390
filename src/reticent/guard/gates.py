"""Everything that the guard knows about one endpoint, worked out once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from reticent.config import GuardFile
from reticent.config.guard import Endpoint
from reticent.config.interfaces import interface_of
from reticent.core import Answer, BadInput, BadPolicy, Channel, check_raw
from reticent.core.few import Few
from reticent.guard.screens import open_screen, screen_digest
from reticent.guard.secrets import derived
from reticent.guard.text_filter import FilterMaker, PassText
from reticent.guard.types import Caller, Scope
from reticent.guard.upstream.base import Upstream
from reticent.policy import Policy
from reticent.protocols import (
    Interface,
    Question,
    QuickProtocol,
    TextProtocol,
    WireProtocol,
    protocol_kinds,
)

#: What a task's raw answers hold.
CHANNELS = {
    "classification": Channel.LABEL | Channel.TOP_K | Channel.SCORES,
    "regression": Channel.VALUE,
    "embedding": Channel.EMBEDDING,
    "text": Channel.TOKENS | Channel.LOGPROBS,
}
IN_PROCESS = "app"


class Validator(Protocol):
    """Checks a question against the declared inputs."""

    def check(self, question: Question) -> str:
        """Return "", or a refusal that says no more than it must."""
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gate:
    """One endpoint, ready to be asked.

    Attributes:
        endpoint: as configured.
        interface: what its protocol needs to know.
        protocol: translates.
        policy_name: its name in the configuration.
        policy: what its answers go through.
        digest: the policy's, as the response header has it.
        path: where callers reach it.
        secret: key of its policy's noise, its own.
        fingerprint_key: key of its inputs' fingerprints.
        channels: what is open after the policy.
        durable: an answer waits for the disk.
        sensitive: shut while the shared store is away.
        validator: checks inputs.
        scopes: who is counted, for a caller and an address.
        upstream: the model server.
        time_grid_s: the policy's, worked out once.
        quick: does what `shape` does for a few answers; None for those that need arrays.
        is_text: its task is text.
        model: its name.
        make_filter: what reads every text before a caller does.
        filter_digest: changes when that does; "" for none.
        attempts: how often a model is asked again whose text was stopped.
    """

    endpoint: Endpoint
    interface: Interface
    protocol: WireProtocol | TextProtocol
    policy_name: str
    policy: Policy
    digest: str
    path: str
    secret: bytes
    fingerprint_key: bytes
    channels: Channel
    durable: bool
    sensitive: bool
    validator: Validator
    scopes: Callable[[Caller, str], tuple[Scope, ...]]
    upstream: Upstream
    is_text: bool
    model: str
    time_grid_s: float = 0.0
    quick: Callable[[Few], Few | None] | None = None
    make_filter: FilterMaker = PassText
    filter_digest: str = ""
    attempts: int = 0

    @property
    def predictions(self) -> WireProtocol:
        """Return the protocol of an endpoint whose task is not text."""
        return cast("WireProtocol", self.protocol)

    @property
    def texts(self) -> TextProtocol:
        """Return the protocol of an endpoint whose task is text."""
        return cast("TextProtocol", self.protocol)

    @property
    def names_model(self) -> bool:
        """Return whether the body of a question names its model, so that models share a path."""
        return self.protocol.names_model

    def shape(self, raw: Answer, rows: Sequence[Any]) -> Answer:
        """Return what the policy leaves of the model server's answer to `rows`.

        The auditor's `Access.ask` does the same: that is the point.

        Raises: BadAnswer if the server's answer is none; BadPolicy if the policy does not fit it.
        """
        checked = check_raw(raw, questions=len(rows), model=self.model)
        return self.policy.apply(checked, rows, secret=self.secret).only(self.channels)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gates:
    """The endpoints in force; replaced as a whole when the configuration is read again.

    Attributes:
        by_place: (tenant, path) -> the gates there: several where a protocol has one path for all
            models, and names the model in the body.
        body_bytes: longest request body.
        body_timeout_s: longest wait for it.
        keep_inputs: journal the inputs themselves.
    """

    by_place: Mapping[tuple[str, str], tuple[Gate, ...]]
    body_bytes: int
    body_timeout_s: float
    keep_inputs: bool = False


def noise_secret(secret: bytes, endpoint: Endpoint) -> bytes:
    """Return the key of an endpoint's noise; two endpoints never share one."""
    return derived(secret, f"noise:{endpoint.tenant}:{endpoint.model}")


def open_gate(
    file: GuardFile,
    endpoint: Endpoint,
    *,
    secret: bytes,
    validator: Validator,
    scopes: Callable[[Caller, str], tuple[Scope, ...]],
    upstream: Upstream,
) -> Gate:
    """Return the gate of an endpoint.

    Raises: BadInput for a protocol that is not installed or cannot carry the task; BadPolicy for a
        policy that does not fit the task.
    """
    kinds = protocol_kinds()
    if endpoint.protocol not in kinds:
        raise BadInput(
            f"Endpoint {endpoint.model!r} speaks {endpoint.protocol!r}, which is not installed.",
            way_out=f"Protocols here: {', '.join(kinds)}.",
        )
    protocol = kinds[endpoint.protocol]()
    if endpoint.task not in protocol.tasks:
        raise BadInput(
            f"Endpoint {endpoint.model!r} has task {endpoint.task!r}; {endpoint.protocol} carries "
            f"{', '.join(protocol.tasks)}.",
            way_out="Correct task, or name another protocol.",
        )
    check_cells(endpoint)
    name, policy = file.policy_of(endpoint)
    _try_out(endpoint, name, policy)
    interface = interface_of(endpoint)
    make_filter = open_screen(file, endpoint)
    again = endpoint.text_filter is not None and endpoint.text_filter.action == "regenerate"
    durable = file.guard.durable
    sensitive = endpoint.sensitivity == "sensitive"
    return Gate(
        endpoint=endpoint,
        interface=interface,
        protocol=protocol,
        policy_name=name,
        policy=policy,
        digest=policy.digest,
        path=protocol.path(interface),
        secret=noise_secret(secret, endpoint),
        fingerprint_key=derived(secret, f"fingerprints:{endpoint.tenant}:{endpoint.model}"),
        channels=policy.exposes(CHANNELS[endpoint.task]),
        durable=durable == "always" or (durable == "sensitive" and sensitive),
        sensitive=sensitive,
        validator=validator,
        scopes=scopes,
        upstream=upstream,
        is_text=endpoint.task == "text",
        model=endpoint.model,
        time_grid_s=policy.time_grid_s,
        make_filter=make_filter,
        filter_digest=screen_digest(make_filter),
        attempts=endpoint.text_filter.attempts if again and endpoint.text_filter else 0,
        quick=_quick(protocol, policy, policy.exposes(CHANNELS[endpoint.task]), endpoint.task),
    )


def _quick(
    protocol: object, policy: Policy, channels: Channel, task: str
) -> Callable[[Few], Few | None] | None:
    """Return what shapes a few answers of a classifier without arrays; None if nothing can."""
    steps = policy.quick_steps
    if steps is None or task != "classification" or not isinstance(protocol, QuickProtocol):
        return None
    applied = tuple(step.apply_few for step in steps)
    open_ = channels.value

    def shaped(few: Few | None) -> Few | None:
        if few is None or not few.is_fine():
            return None
        for step in applied:
            few = step(few)
            if few is None:
                return None
        return few.only(open_)

    return shaped


def check_cells(endpoint: Endpoint) -> None:
    """Raise BadInput if the server's form could carry no question of the declared inputs."""
    if endpoint.protocol != "open-inference" or endpoint.settings.get("form") == "columns":
        return
    kinds = {declared.kind for declared in endpoint.inputs}
    if "text" in kinds and len(kinds) > 1:
        raise BadInput(
            f"Endpoint {endpoint.model!r} declares inputs that are text and inputs that are not, "
            "which one tensor cannot carry.",
            way_out='Set form = "columns" in the endpoint\'s settings.',
        )


def _try_out(endpoint: Endpoint, name: str, policy: Policy) -> None:
    """Raise BadPolicy if a policy cannot be applied to this task: at the start, not at noon."""
    samples = {
        "classification": Answer(labels=np.array([0]), scores=np.array([[0.75, 0.25]])),
        "regression": Answer(values=np.array([0.5])),
        "embedding": Answer(embeddings=np.array([[0.6, 0.8]])),
        "text": Answer(labels=np.array([0]), scores=np.array([[0.75, 0.25]])),
    }
    try:
        policy.apply(samples[endpoint.task], np.array([[0.0]]), secret=b"try-out")
    except BadPolicy as error:
        raise BadPolicy(
            f"Policy {name!r} does not fit endpoint {endpoint.model!r}: {error.what}",
            way_out=error.way_out,
        ) from error
