"""What reticent.toml may hold for vectors of texts: modality = "embedding"."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from string import Formatter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from reticent.config.audited import Audited, AuditTable, Table
from reticent.config.checks import faults_of_audit, faults_of_policies
from reticent.config.faults import Fault, shown
from reticent.config.lines import Key
from reticent.config.reach_faults import faults_of_url, faults_of_ways
from reticent.config.values import (
    Call,
    Columns,
    EndpointPatience,
    EndpointUrl,
    FileName,
    KeyName,
    Named,
    Owner,
    Proportion,
    Timeout,
)

WAYS = ("path", "call", "url")


class EmbeddingModel(Table):
    """The embedder under audit and how to reach it."""

    owner: Owner = Field(
        description="Who answers for the vectors: a named person or team. Required."
    )
    name: Named | None = Field(
        default=None,
        examples=["ticket-search"],
        description="How reports call it. Default: the name of its folder, file, function or URL.",
    )
    path: FileName | None = Field(
        default=None,
        examples=["all-MiniLM-L6-v2"],
        description="A folder that transformers can read (config.json, model.safetensors, "
        "tokenizer.json), or a .safetensors file with a table of static vectors, a row a token. "
        "Relative to this file.",
    )
    tokenizer: FileName | None = Field(
        default=None,
        examples=["tokenizer.json"],
        description="With a static table: the tokenizer.json that belongs to it.",
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean", description="With a folder: the mean of the tokens, or the first one."
    )
    most_tokens: Annotated[int, Field(ge=8, le=100_000)] = Field(
        default=256, description="With a folder: where texts are cut."
    )
    call: Call | None = Field(
        default=None,
        examples=["package.module:function"],
        description="Instead of path: a function from a list of texts to (n, d) numbers.",
    )
    url: EndpointUrl | None = Field(
        default=None,
        examples=["http://127.0.0.1:8080"],
        description="Instead of path: an endpoint that speaks OpenAI's embeddings protocol. What "
        "stands before it is part of what is audited; a [[policy]] comes on top. Answers are kept "
        "under --out, so that a run that was stopped asks only for the rest.",
    )
    served_as: Named | None = Field(
        default=None, examples=["all-minilm"], description="With url: the model's name there."
    )
    dimensions: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=0, description="With url: length of the vectors asked for; 0 for the model's own."
    )
    key_env: KeyName = None
    batch_texts: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=64, description="With url: texts in one request."
    )
    timeout_s: Timeout = Field(default=60.0, description="With url: longest wait for an answer.")
    wait_s: EndpointPatience = 600.0


class EmbeddingData(Table):
    """The texts behind the vectors, and what the adversary knows of them."""

    texts: FileName = Field(
        examples=["tickets.csv"],
        description="Texts of the kind that the store holds: a .txt file with one a line, or a "
        "table (CSV, Parquet, ...) with a column of them. No attack sees them. Required.",
    )
    column: Named = Field(default="text", description="With a table: the column that holds them.")
    entities: Columns = Field(
        default=(),
        examples=[["patient", "diagnosis"]],
        description="Columns of that table with what would hurt most, as it stands in the text. A "
        "text counts as read if all of its entities are found.",
    )
    max_texts: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        default=200, description="Texts under attack, drawn with the seed."
    )
    own: FileName | None = Field(
        default=None,
        examples=["public.txt"],
        description="Texts of the adversary's own, likewise: a public corpus of the same kind. "
        "Without it, attacks that learn are not run.",
    )
    own_column: Named = Field(
        default="text", description="With a table of own texts: the column that holds them."
    )
    template: Annotated[str, Field(max_length=100_000)] = Field(
        default="",
        examples=["{patient} was admitted with {diagnosis}."],
        description="How the texts were made, if the adversary may know.",
    )
    slots: dict[Named, FileName | Annotated[tuple[str, ...], Field(strict=False)]] = Field(
        default_factory=dict,
        examples=[{"diagnosis": "diagnoses.txt"}],
        description="Slot of the template, or kind of entity -> the values that the adversary "
        "knows: a list, or a .txt file with one a line.",
    )


class EmbeddingAdversary(Table):
    """What the adversary can afford."""

    query_budget: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        default=None,
        examples=[16000],
        description="Texts that one attack may ask the endpoint about. Default: no limit.",
    )
    copy_of_model: bool = Field(
        default=True,
        description="Whether it has a copy of the embedder, which it may ask as often as it likes, "
        "without a policy: so it is with every public model.",
    )
    public_model: FileName | None = Field(
        default=None,
        examples=["all-MiniLM-L6-v2"],
        description="Folder of an embedder that is not the audited one, for alignment.",
    )


class EmbeddingAudit(AuditTable):
    """What is measured, how finely, and what counts."""

    ppv_declared: Proportion = Field(
        default=0.9, description="Share of right texts from which individuals count as exposed."
    )


class EmbeddingConfig(Audited):
    """An audit of vectors of texts, as written in reticent.toml."""

    modality: Literal["embedding"] = Field(description='"embedding".')
    model: EmbeddingModel
    data: EmbeddingData
    adversary: EmbeddingAdversary = Field(default_factory=EmbeddingAdversary)
    audit: EmbeddingAudit = Field(default_factory=EmbeddingAudit)

    required: ClassVar[Mapping[tuple[str, ...], str]] = {
        ("model",): "Write [model] with owner and path (or call, or url).",
        ("model", "owner"): "Name the person or team who answers for the vectors: "
        'owner = "Search team".',
        ("data",): "Write [data] with texts.",
        ("data", "texts"): "Name a file with texts of the kind that the store holds.",
        ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
    }
    folders: ClassVar[frozenset[Key]] = frozenset(
        {("model", "path"), ("adversary", "public_model")}
    )

    @classmethod
    def faults_in(cls, doc: Mapping[str, Any]) -> list[Fault]:
        """Return every fault that no single value shows."""
        return [*_model(doc), *_data(doc), *faults_of_policies(doc), *faults_of_audit(doc)]

    @property
    def may_name(self) -> dict[Key, str | None]:
        """Return key -> file or folder that it names, None where it names none."""
        data, model, adversary = self.data, self.model, self.adversary
        named: dict[Key, str | None] = {
            ("model", "path"): model.path,
            ("model", "tokenizer"): model.tokenizer,
            ("data", "texts"): data.texts,
            ("data", "own"): data.own,
            ("adversary", "public_model"): adversary.public_model,
        }
        for slot, values in data.slots.items():
            named["data", "slots", slot] = values if isinstance(values, str) else None
        return named


def _model(doc: Mapping[str, Any]) -> Iterator[Fault]:
    model = doc.get("model")
    if not isinstance(model, Mapping):
        return
    yield from faults_of_ways(
        model, WAYS, none="none of path, call and url", path="all-MiniLM-L6-v2"
    )
    path = model.get("path")
    static = isinstance(path, str) and PurePath(path).suffix.lower() == ".safetensors"
    if static and model.get("tokenizer") is None:
        yield Fault(
            ("model", "path"),
            f"model.path is {shown(path)}, a table of static vectors, and no tokenizer is named.",
            'Set model.tokenizer = "tokenizer.json".',
        )
    yield from faults_of_url(model, served_as="text-embedding-3-small")


def _data(doc: Mapping[str, Any]) -> Iterator[Fault]:
    data = doc.get("data")
    if not isinstance(data, Mapping):
        return
    template, slots = data.get("template"), data.get("slots")
    if not isinstance(template, str) or not template:
        return
    known = slots if isinstance(slots, Mapping) else {}
    try:
        holes = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        yield Fault(
            ("data", "template"),
            f"data.template is {shown(template)}, which cannot be read: {error}.",
            "Write a slot as {name}, and a brace that is meant as {{ or }}.",
        )
        return
    missing = sorted(holes - set(known))
    if missing or not holes:
        yield Fault(
            ("data", "template"),
            f"data.template has the slot {missing[0]!r}, and data.slots does not say what fills it."
            if holes
            else f"data.template is {shown(template)}; it has no slot.",
            "Give data.slots a list or a file for every {slot} of the template.",
        )
