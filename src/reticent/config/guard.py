"""What the [guard] tables of reticent.toml may hold."""

import ipaddress
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reticent.config.checks import ADMIN, LISTEN
from reticent.config.text_filter import TextFilter
from reticent.config.values import Columns, Named, Owner, Scalar, Slug, broken, different

DAY_S = 86_400.0


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise broken('it must look like "127.0.0.1:8080".')
    return text


def _origin(text: str) -> str:
    if text == "app":
        return text
    parts = _split(text, 'it must look like "http://127.0.0.1:9000".')
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"):
        raise broken(
            "it must be scheme, host and port alone.", "Write the path of the model in path."
        )
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable():
        raise broken('it must be an ASCII path that starts with "/".')
    if (
        any(c in text for c in "?#% ")
        or "//" in text
        or "/../" in f"{text}/"
        or "/./" in f"{text}/"
    ):
        raise broken("it must not hold a query, escapes, spaces, //, . or .. parts.")
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise broken(f"it must be an address range such as 10.0.0.0/8 ({error}).") from error
    return text


def _url(text: str) -> str:
    _split(text, "it must be an http or https URL.")
    return text


def _split(text: str, rule: str) -> SplitResult:
    """Return the parts of a URL: in plain ASCII, as it stands in a request, and with a host."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise broken("it must be printable ASCII.", "Write a name of other letters as xn--...")
    try:
        parts = urlsplit(text)
        _ = parts.port  # a port is read when it is asked for
    except ValueError as error:
        raise broken(f"{rule.rstrip('.')} ({error}).") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise broken(rule)
    return parts


Address = Annotated[str, AfterValidator(_address)]
Origin = Annotated[str, AfterValidator(_origin)]
UrlPath = Annotated[str, AfterValidator(_path)]
Network = Annotated[str, AfterValidator(_network)]
Url = Annotated[str, AfterValidator(_url)]
Rows = Annotated[int, Field(ge=1, le=10**12)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]

Grant = Annotated[
    str, Field(pattern=r"^(\*|@(public|internal|sensitive)|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})$")
]
Sensitivity = Literal["public", "internal", "sensitive"]


class Window(_Table):
    """A budget of rows that comes back as time goes by."""

    rows: Rows = Field(description="Rows within the window.")
    days: Annotated[float, Field(gt=0, le=3660, allow_inf_nan=False)] = Field(
        description="Its length; it rolls."
    )

    @property
    def length_s(self) -> float:
        """Return the window's length in seconds."""
        return self.days * DAY_S


class Allowance(_Table):
    """What one caller may ask of one model, in rows: a batch of 1,000 rows costs 1,000."""

    rows_per_minute: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = Field(
        default=None, examples=[6.0], description="Sustained rate. Default: by sensitivity."
    )
    burst_rows: Rows | None = Field(
        default=None, examples=[12], description="Rows at once after a rest."
    )
    concurrent: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, examples=[4], description="Requests in flight at once."
    )
    lifetime_rows: Rows | None = Field(default=None, examples=[10_000], description="Rows ever.")
    rolling: Annotated[tuple[Window, ...], Field(strict=False, max_length=4)] = Field(
        default=(), examples=[[{"rows": 500, "days": 1}]], description="Rows in rolling windows."
    )


class Limits(_Table):
    """Allowances by who is counted; a request must fit all of them."""

    identity: Allowance = Field(default_factory=Allowance, description="Per identity.")
    token: Allowance = Field(
        default_factory=Allowance, description="Per key or token of an identity."
    )
    network: Allowance = Field(
        default_factory=Allowance,
        description="Per address range (/24 or /64). Default: ten times the identity's.",
    )


class Input(_Table):
    """One input column and what may stand in it."""

    name: Named = Field(description="As the model calls it.")
    kind: Literal["number", "integer", "text", "boolean"] = Field(
        default="number", description="What its cells are."
    )
    low: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, examples=[0.0], description="Least number allowed."
    )
    high: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        default=None, examples=[120.0], description="Greatest number allowed."
    )
    values: Annotated[tuple[Scalar, ...], Field(strict=False), AfterValidator(different)] = Field(
        default=(), examples=[["yes", "no"]], description="The only values allowed."
    )
    longest: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1000, description="Longest text, in characters."
    )
    missing: bool = Field(default=False, description="A null is allowed.")


class Endpoint(_Table):
    """A model server behind the guard."""

    model: Slug = Field(description="The model's name on the wire.")
    owner: Owner = Field(description="Who answers for it: a named person or team.")
    protocol: Named = Field(
        examples=["open-inference"], description='One of those that "reticent protocols" lists.'
    )
    upstream: Origin = Field(
        description='The model server: scheme, host and port; "app" for the application around '
        "which the guard is put as middleware."
    )
    tenant: Slug = Field(default="default", description="Whose model it is.")
    path: UrlPath | None = Field(
        default=None, examples=["/v1/score"], description="Its path. Default: the protocol's."
    )
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = Field(
        default="", description="Model version in the path, where the protocol has one."
    )
    task: Literal["classification", "regression", "embedding", "text"] = Field(
        default="classification", description="What it answers with."
    )
    classes: Annotated[tuple[Scalar, ...], Field(strict=False), AfterValidator(different)] = Field(
        default=(), examples=[["no", "yes"]], description="Class values in the scores' order."
    )
    outputs: dict[Named, Literal["label", "scores", "value", "embedding"]] = Field(
        default_factory=dict,
        examples=[{"predict_proba": "scores"}],
        description="What the server's named outputs are. Default: the protocol's usual names.",
    )
    inputs: Annotated[tuple[Input, ...], Field(strict=False)] = Field(
        default=(), description="The input columns in the model's order, and their ranges."
    )
    row_shape: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = Field(
        default=(), examples=[[28, 28]], description="Instead of inputs: shape of one plain array."
    )
    policy: Slug | None = Field(
        default=None, description="Name of the [[policy]] in force. Default: the first one."
    )
    sensitivity: Sensitivity = Field(
        default="sensitive",
        description="public, internal or sensitive. Sensitive models answer 6 rows a minute "
        "(burst 12) to an identity unless limits say otherwise, journal durably, and are shut "
        "while a shared store is away.",
    )
    limits: Limits = Field(default_factory=Limits, description="Who may ask how much.")
    max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1000, description="Most rows in one request."
    )
    timeout_s: Seconds = Field(default=30.0, description="Longest wait for the model server.")
    connections: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=64, description="Most connections to the model server."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Further settings of the protocol."
    )
    text_filter: TextFilter | None = Field(
        default=None,
        examples=[{"index": "private.index", "action": "stop"}],
        description='For task = "text": what its texts are read for before a caller gets them.',
    )


class Jwt(_Table):
    """Tokens of an OpenID Connect provider, or of your own."""

    issuer: Named = Field(description="The only issuer that is accepted.")
    audience: Named = Field(description="The audience that a token must name.")
    jwks: str = Field(
        description="Where its public keys are: an https URL, or a file relative to this one."
    )
    algorithms: Annotated[Columns, Field(min_length=1)] = Field(
        default=("RS256", "ES256", "EdDSA"), description="Accepted signature algorithms."
    )
    leeway_s: Annotated[float, Field(ge=0, le=300)] = Field(
        default=30.0, description="Clock skew that is forgiven."
    )
    refresh_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=300.0, description="How often the keys are fetched again."
    )
    identity_claim: Named = Field(default="sub", description="The claim that names the caller.")
    tenant_claim: Named | None = Field(
        default=None, examples=["tenant"], description='Default: every caller is in "default".'
    )
    models_claim: Named = Field(
        default="models", description="The claim that lists the models granted."
    )


class Proxy(_Table):
    """A trusted proxy that has checked the caller's certificate (mTLS) or login."""

    networks: Annotated[tuple[Network, ...], Field(strict=False, min_length=1)] = Field(
        examples=[["10.1.0.7/32"]],
        description="Where the proxy connects from; its headers count from nowhere else.",
    )
    identity_header: Header = Field(
        default="X-Client-Subject", description="Header that names the caller."
    )
    verified_header: Header | None = Field(
        default="X-Client-Verify", description="Header that must say SUCCESS."
    )
    address_header: Header | None = Field(
        default=None,
        examples=["X-Forwarded-For"],
        description="Header whose last entry is the caller's address.",
    )
    grants: dict[Named, Annotated[tuple[Grant, ...], Field(strict=False)]] = Field(
        default_factory=dict,
        examples=[{"CN=reports": ["credit", "@internal"]}],
        description="Caller -> models granted: names, @public, @internal or @sensitive for all of "
        "a class, or * for all; nobody else is let in.",
    )
    tenant: Slug = Field(default="default", description="Tenant of all these callers.")


class Guard(_Table):
    """The gateway that enforces an audited policy."""

    listen: Address = Field(default=LISTEN, description="Where callers connect.")
    admin: Address = Field(
        default=ADMIN, description="Where health, metrics and the dashboard are."
    )
    state: Named = Field(
        default="guard-state",
        description="Folder, relative to this file, for keys, counters, journal and secret.",
    )
    secret_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] = Field(
        default="RETICENT_GUARD_SECRET",
        description="Environment variable with the secret (32 bytes or more, in hex) that replicas "
        "share. Where it is not set, a secret of its own is kept in the state folder.",
    )
    store: Annotated[str, Field(pattern=r"^(memory|(valkey|redis|rediss|unix)://.+)$")] = Field(
        default="memory",
        examples=["valkey://127.0.0.1:6379/0"],
        description="Where limits are counted: in this process, or in a store that replicas share.",
    )
    replicas: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="How many guards share the store; the most there will be."
    )
    journal: Annotated[str, Field(pattern=r"^(sqlite|postgres(ql)?://.+)$")] = Field(
        default="sqlite",
        examples=["postgresql://guard@127.0.0.1/reticent"],
        description="Where the journal is: a file in the state folder, or PostgreSQL.",
    )
    durable: Literal["sensitive", "always", "never"] = Field(
        default="sensitive",
        description="For which models an answer waits until its journal row is on disk.",
    )
    keep_inputs: bool = Field(
        default=False, description="Journal the inputs themselves, not only keyed fingerprints."
    )
    keep_days: Annotated[float, Field(gt=0, le=36_600)] | None = Field(
        default=None, examples=[400.0], description="Journal rows older than this lose their text."
    )
    record: str | None = Field(
        default=None,
        examples=["reticent-out/record.json"],
        description="The audit record whose figures the dashboard shows beside each policy.",
    )
    audit_expires_days: Annotated[float, Field(gt=0, le=36_600)] = Field(
        default=90.0, description="Age from which an audit counts as out of date."
    )
    max_body_bytes: Annotated[int, Field(ge=100, le=10**9)] = Field(
        default=1_000_000, description="Longest request body, after decompression."
    )
    max_reply_bytes: Annotated[int, Field(ge=100, le=10**9)] = Field(
        default=16_000_000, description="Longest reply taken from a model server."
    )
    head_timeout_s: Seconds = Field(
        default=10.0, description="Longest wait for the head of a request, and for the first."
    )
    body_timeout_s: Seconds = Field(default=10.0, description="Longest wait for a request body.")
    drain_s: Seconds = Field(default=20.0, description="Longest wait for answers when it stops.")
    traces: Url | None = Field(
        default=None,
        examples=["http://127.0.0.1:4318/v1/traces"],
        description="OpenTelemetry collector (OTLP over HTTP).",
    )
    endpoint: Annotated[tuple[Endpoint, ...], Field(strict=False, min_length=1)] = Field(
        description="One [[guard.endpoint]] table a model."
    )
    jwt: Jwt | None = Field(default=None, description="Callers with tokens.")
    proxy: Proxy | None = Field(default=None, description="Callers that a proxy vouches for.")
