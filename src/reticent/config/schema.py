"""What reticent.toml may hold. The descriptions become its JSON Schema and its manual page.

These models check one value at a time; what must fit together is in `checks`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
)

from reticent.config.audited import Audited, AuditTable, PolicyTable, Table
from reticent.config.checks import KIND_BY_SUFFIX, faults_between, is_sql
from reticent.config.faults import Fault
from reticent.config.guard import Endpoint, Guard
from reticent.config.lines import Key
from reticent.config.values import (
    Call,
    Columns,
    EndpointUrl,
    KeyName,
    Named,
    Owner,
    Patience,
    Prior,
    Proportion,
    Reference,
    Scalar,
    Source,
    Timeout,
    different,
)
from reticent.core import Channel, Seen
from reticent.policy import Policy

MOST_CANDIDATES = 1_000_000
MOST_MODELS = 1_000


class Model(Table):
    """The model under audit and how to reach it."""

    owner: Owner = Field(
        description="Who answers for this model: a named person or team. Required."
    )
    name: Named | None = Field(
        default=None,
        examples=["credit-risk"],
        description="How reports call it. Default: the name of its file or function.",
    )
    path: Source | None = Field(
        default=None,
        examples=["model.skops"],
        description="Model file, relative to this file: .skops, .onnx, .pkl, .joblib, or "
        "the log of a replay.",
    )
    call: Call | None = Field(
        default=None,
        examples=["package.module:function"],
        description='Instead of path: a Python callable, "package.module:function".',
    )
    url: EndpointUrl | None = Field(
        default=None,
        examples=["http://127.0.0.1:9000"],
        description="Instead of path: a live endpoint, bare or behind a guard. A path in it stands "
        "for the protocol's own. What stands before it is part of what is audited; a [[policy]] "
        "comes on top, unless guarded says that it is in force there.",
    )
    protocol: Named | None = Field(
        default=None,
        examples=["open-inference"],
        description='With url: how it is spoken to, such as "open-inference", "mlflow" or '
        '"tensorflow-serving".',
    )
    served_as: Named | None = Field(
        default=None, examples=["iris"], description="With url: the model's name there."
    )
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = Field(
        default="", description="With url: its version there, where the protocol has one."
    )
    key_env: KeyName = None
    guarded: bool = Field(
        default=False,
        description="With url: a guard is there, with the one [[policy]] of this file in force. "
        "It is not applied twice, the look-alikes are seen through it, and the audit ends if the "
        "guard names another.",
    )
    outputs: dict[Named, Literal["label", "scores", "value"]] = Field(
        default_factory=dict,
        examples=[{"predict_proba": "scores"}],
        description="With url: what the server's named outputs are, all of which are asked for. "
        "Default: the protocol's usual names.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="With url: further settings of the protocol."
    )
    batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=100, description="With url: rows in one request."
    )
    timeout_s: Timeout = Field(default=30.0, description="With url: longest wait for it.")
    wait_s: Patience = Field(
        default=120.0,
        description="With url: longest wait, for each question, that its rate limits (429 with "
        "Retry-After) are given.",
    )
    kind: Literal["sklearn", "onnx", "function", "replay", "http"] | None = Field(
        default=None,
        examples=["sklearn"],
        description="How to reach it. Default: from the suffix of path, function, or http.",
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None,
        examples=["classification"],
        description="What it predicts. Default: asked of the model.",
    )
    classes: (
        Annotated[tuple[Scalar, ...], Field(strict=False, min_length=2), AfterValidator(different)]
        | None
    ) = Field(
        default=None,
        examples=[["no", "yes"]],
        description="Class values in the order of the scores, if it has none.",
    )
    reference: Reference = Field(
        default="same",
        description='How the adversary trains look-alikes: "same" (a clone of the model), a '
        'built-in learner ("forest", "boosting", "logistic", "mlp"), or "package.module:factory".',
    )

    @property
    def title(self) -> str:
        """Return the name that reports use."""
        return self.name or (
            Path(self.path).stem if self.path else self.call or self.url or "model"
        )

    @property
    def reached_by(self) -> str:
        """Return the kind, inferred where it is left out."""
        if self.kind is not None:
            return self.kind
        if self.url:
            return "http"
        return KIND_BY_SUFFIX[Path(self.path).suffix.lower()] if self.path else "function"


class Data(Table):
    """The people: who was in the training data, who was not, and what the columns are."""

    members: Source | None = Field(
        default=None,
        examples=["train.csv"],
        description="Records that the model was trained on: a file (CSV, Parquet, Arrow) "
        "relative to this one, or SQL that starts with SELECT, run by DuckDB.",
    )
    non_members: Source | None = Field(
        default=None,
        examples=["holdout.csv"],
        description="Records from the same population that it was not trained on; likewise.",
    )
    source: Source | None = Field(
        default=None,
        examples=["SELECT * FROM 'people.parquet'"],
        description="Instead of members and non_members: one file or SELECT with both.",
    )
    member_column: Named | None = Field(
        default=None,
        examples=["in_training"],
        description="With source: the column that is true (1) for members.",
    )
    target: Named = Field(description="The column that the model predicts.")
    features: Annotated[Columns, Field(min_length=1)] | None = Field(
        default=None,
        examples=[["age", "income"]],
        description="The model's input columns in order. Default: all other columns.",
    )
    identifier: Named | None = Field(
        default=None,
        examples=["person_id"],
        description="A column that names the person; never shown to an attack.",
    )
    auxiliary: Source | None = Field(
        default=None,
        examples=["public.csv"],
        description="Records that the adversary owns. Default: a share of the non-members "
        "(adversary.auxiliary_share), who are then not under test.",
    )
    max_candidates: Annotated[int, Field(ge=20, le=MOST_CANDIDATES)] = Field(
        default=2000,
        description="People under test on each side, drawn with the seed; at least 20.",
    )


class Sensitive(Table):
    """A column whose value would hurt the person if it came out."""

    column: Named = Field(description="Its name: one of the model's inputs.")
    harm: Literal["low", "medium", "high", "severe"] = Field(
        description="How much it would hurt; your declaration, printed with every finding."
    )
    positive: Scalar | None = Field(
        default=None,
        examples=["yes"],
        description="The value that precision and recall are about. Default: the rarest.",
    )
    continuous: bool | None = Field(
        default=None,
        examples=[True],
        description="A scale, not categories. Default: from the column's values.",
    )
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None,
        examples=[5.0],
        description="For a scale: half width, in its unit, within which a guess is right.",
    )


class Adversary(Table):
    """What the adversary knows and can afford."""

    known: Columns | None = Field(
        default=None,
        examples=[["age", "income"]],
        description="Columns known of each person. Default: all features but the hidden one.",
    )
    hidden_together: Annotated[
        tuple[Annotated[Columns, Field(min_length=2)], ...], Field(strict=False)
    ] = Field(
        default=(),
        examples=[[["race", "sex"]]],
        description="Groups of sensitive columns to hide at once.",
    )
    seen: Annotated[
        tuple[Literal["nothing", "y", "label", "scores"], ...],
        Field(strict=False, min_length=1),
        AfterValidator(different),
    ] = Field(
        default=("nothing", "y", "label", "scores"),
        description="What has been seen of the person whose attribute is guessed, beside the "
        "known columns: nothing, the true outcome, also the model's label (or value), also its "
        "full answer. Each is a cell of its own.",
    )
    knows_policy: bool = Field(
        default=True,
        description="The adversary's own models are seen through a copy of the policy.",
    )
    reference_models: Annotated[int, Field(ge=0, le=MOST_MODELS)] = Field(
        default=16, description="Look-alikes trained for membership inference."
    )
    shadow_models: Annotated[int, Field(ge=0, le=MOST_MODELS)] = Field(
        default=8, description="Look-alikes trained for attribute inference."
    )
    auxiliary_share: Proportion = Field(
        default=0.5,
        description="Share of the non-members that becomes the adversary's own data if "
        "data.auxiliary is left out.",
    )
    priors: dict[Named, Prior] = Field(
        default_factory=dict,
        examples=[{"smoker": {"yes": 0.2, "no": 0.8}}],
        description="Column -> value -> probability known beforehand. Default: from the auxiliary "
        "data.",
    )
    query_budget: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        default=None,
        examples=[100000],
        description="Rows that one attack may ask. Default: no limit.",
    )
    prior_membership: Proportion = Field(
        default=0.01,
        description="Share of members among the people an adversary would try; for PPV.",
    )


class Exposure(Table):
    """What the endpoint lets out before any policy."""

    channels: (
        Annotated[
            tuple[Literal["label", "top_k", "scores", "value", "weights"], ...],
            Field(strict=False, min_length=1),
            AfterValidator(different),
        ]
        | None
    ) = Field(
        default=None,
        examples=[["label", "scores"]],
        description="Default: label and scores (value for a regressor). weights: the model "
        "file itself is in the adversary's hands, and no policy stands between.",
    )

    def reachable(self, *, classify: bool) -> Channel:
        """Return the channels that callers can reach; full scores hold the top ones too."""
        default = ("label", "scores") if classify else ("value",)
        names = {
            "label": Channel.LABEL,
            "top_k": Channel.TOP_K,
            "scores": Channel.SCORES | Channel.TOP_K,
            "value": Channel.VALUE,
            "weights": Channel.WEIGHTS,
        }
        reachable = Channel(0)
        for name in self.channels or default:
            reachable |= names[name]
        return reachable


class Audit(AuditTable):
    """What is measured, how finely, and what counts."""

    tolerance: Proportion = Field(
        default=0.05,
        description="The effect size that matters, as a difference of proportions or AUC.",
    )
    jobs: Annotated[int, Field(ge=1, le=1024)] = Field(default=1, description="Processes to use.")


class Config(Audited):
    """An audit, as written in reticent.toml."""

    model: Model
    data: Data
    sensitive: Annotated[tuple[Sensitive, ...], Field(strict=False)] = Field(
        default=(), description="One [[sensitive]] table a column."
    )
    adversary: Adversary = Field(default_factory=Adversary)
    exposure: Exposure = Field(default_factory=Exposure)
    audit: Audit = Field(default_factory=Audit)
    guard: Guard | None = Field(
        default=None, description="The gateway that enforces a policy; an audit passes it over."
    )

    required: ClassVar[Mapping[tuple[str, ...], str]] = {
        ("model",): "Write [model] with owner and path (or call).",
        ("model", "owner"): "Name the person or team who answers for this model: "
        'owner = "Credit risk team".',
        ("data",): "Write [data] with members, non_members and target.",
        ("data", "target"): "Name the column that the model predicts.",
        ("sensitive", "column"): "Name the column.",
        (
            "sensitive",
            "harm",
        ): 'Declare how much it would hurt: "low", "medium", "high" or "severe".',
        ("guard",): "Write [guard] and a [[guard.endpoint]] table for each model.",
        ("guard", "endpoint"): "Write a [[guard.endpoint]] table for each model.",
        ("guard", "endpoint", "owner"): "Name the person or team who answers for this model.",
        ("guard", "endpoint", "upstream"): 'Say where it is: upstream = "http://127.0.0.1:9000".',
        ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
    }
    unmeasured: ClassVar[frozenset[str]] = frozenset({"guard"})  # where it is enforced

    @classmethod
    def faults_in(cls, doc: Mapping[str, Any]) -> list[Fault]:
        """Return every fault that no single value shows."""
        return faults_between(doc)

    @property
    def may_name(self) -> dict[Key, str | None]:
        """Return key -> file that it names, None where it names none: a query, or nothing."""
        found: dict[Key, str | None] = {("model", "path"): self.model.path}
        for name in ("members", "non_members", "source", "auxiliary"):
            source = getattr(self.data, name)
            found["data", name] = None if source is None or is_sql(source) else source
        return found

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Return what the adversary may have seen."""
        return tuple(Seen(name) for name in self.adversary.seen)

    def find(self, source: str) -> str | Path:
        """Return the file that `source` names, relative to the configuration; SQL as it is."""
        return source if is_sql(source) else self.base / source


class GuardFile(BaseModel):
    """What a guard reads of reticent.toml: its own tables and the policies.

    The tables that only an audit needs may be there or not: where a guard runs, there is often
    neither the model file nor the training data.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    guard: Guard
    policy: Annotated[tuple[PolicyTable, ...], Field(strict=False, min_length=1)] = Field(
        default=(PolicyTable(name="open"),),
        description="One [[policy]] table a chain; the first is the one in force.",
    )

    _path: Path | None = PrivateAttr(None)

    @property
    def base(self) -> Path:
        """Return the folder that relative paths start from."""
        return self._path.parent if self._path else Path()

    @property
    def path(self) -> Path | None:
        """Return the file that it was read from, as given; None if it came from plain data."""
        return self._path

    @property
    def state(self) -> Path:
        """Return the folder of keys, counters, journal and secret."""
        return self.base / self.guard.state

    @property
    def policies(self) -> dict[str, Policy]:
        """Return name -> policy in order; the first is the default."""
        return {table.name: table.policy() for table in self.policy}

    def policy_of(self, endpoint: Endpoint) -> tuple[str, Policy]:
        """Return the name of the policy in force for an endpoint, and the policy."""
        name = endpoint.policy or self.policy[0].name
        return name, self.policies[name]

    def written_in(self, path: Path) -> Self:
        """Return this configuration with the place where it was read."""
        placed = self.model_copy()
        placed._path = path
        return placed
