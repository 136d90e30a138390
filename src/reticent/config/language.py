"""What reticent.toml may hold for a language model: modality = "text"."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from reticent.config.audited import Audited, AuditTable, Table
from reticent.config.checks import faults_of_audit, faults_of_policies
from reticent.config.faults import Fault
from reticent.config.lines import Key
from reticent.config.reach_faults import faults_of_url, faults_of_ways
from reticent.config.values import (
    EndpointPatience,
    EndpointUrl,
    FileName,
    KeyName,
    Named,
    Owner,
    Timeout,
)

WAYS = ("path", "url")


class LanguageTarget(Table):
    """The language model under audit and how to reach it."""

    owner: Owner = Field(description="Who answers for the model: a named person or team. Required.")
    name: Named | None = Field(
        default=None,
        examples=["support-writer"],
        description="How reports call it. Default: the name of its folder, file or URL.",
    )
    path: FileName | None = Field(
        default=None,
        examples=["SmolLM2-135M"],
        description="A folder that transformers can read (safetensors), a .gguf file, or a .bin "
        "file of llama2.c. Relative to this file.",
    )
    tokenizer: FileName | None = Field(
        default=None,
        examples=["tokenizer.json"],
        description="The tokenizer, if it is not beside the model; with url the model's own, "
        "without which passages are counted in bytes.",
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="With path: type of the weights."
    )
    url: EndpointUrl | None = Field(
        default=None,
        examples=["http://127.0.0.1:8080"],
        description="Instead of path: an endpoint that speaks OpenAI's protocol. What stands "
        "before it is part of what is audited. Its answers are kept under --out until the audit "
        "is over, so that a run that was stopped asks only for the rest.",
    )
    served_as: Named | None = Field(
        default=None, examples=["writer"], description="With url: the model's name there."
    )
    protocol: Literal["openai-completions", "openai-chat"] = Field(
        default="openai-completions", description="With url: how it is spoken to."
    )
    request: Annotated[str, Field(max_length=100_000)] = Field(
        default="{prompt}",
        examples=["Go on with this text, word for word: {prompt}"],
        description='With openai-chat: what it is asked; "{prompt}" stands for the prompt.',
    )
    allowed_host: Named | None = Field(
        default=None,
        examples=["models.example.org"],
        description="With url: the host, exactly as in the URL, if it is not this machine. It "
        "says that you may test it.",
    )
    key_env: KeyName = None
    context: Annotated[int, Field(ge=16, le=100_000_000)] = Field(
        default=4096, description="With url: most tokens (or bytes) of prompt and answer."
    )
    alternatives: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5, description="With url: tokens whose log-probabilities are asked for."
    )
    timeout_s: Timeout = Field(default=60.0, description="With url: longest wait for an answer.")
    wait_s: EndpointPatience = 600.0


class LanguageData(Table):
    """Text that the model was trained on, and text that it never saw."""

    training: FileName = Field(
        examples=["tickets.csv"],
        description="Documents that it was trained on: a folder of .txt and .md files, one such "
        "file, or a table (CSV, Parquet, ...) with a column of them. Required.",
    )
    unseen: FileName = Field(
        examples=["tickets-of-this-year.csv"],
        description="Documents of the same kind that it never saw, likewise, and twice as many "
        "or more: every rate stands beside theirs. Required.",
    )
    column: Named = Field(default="text", description="With a table: the column that holds them.")
    public: FileName | None = Field(
        default=None,
        examples=["public"],
        description="Texts that everybody can read, likewise: what stands there is no leak.",
    )
    canaries: FileName | None = Field(
        default=None,
        examples=["canaries.json"],
        description='The list that "reticent canaries make" wrote, if its canaries were planted in '
        "the training text. Keep it where the training cannot see it.",
    )


class LanguageAdversary(Table):
    """What the adversary can afford."""

    query_budget: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        default=None,
        examples=[10000],
        description="Texts that one attack may have written or scored. Default: no limit.",
    )
    token_budget: Annotated[int, Field(ge=1, le=10**15)] | None = Field(
        default=None,
        examples=[1000000],
        description="Tokens that one attack may send and receive. Default: no limit.",
    )
    reference: FileName | None = Field(
        default=None,
        examples=["SmolLM2-135M"],
        description="Folder or file of a language model that never saw the documents.",
    )


class LanguageAudit(AuditTable):
    """What is measured, how finely, and what counts."""

    prompt: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50, description="Tokens of a passage that the adversary gives."
    )
    wanted: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=50, description="Tokens that it hopes to get back, word for word."
    )
    max_passages: Annotated[int, Field(ge=5, le=1_000_000)] = Field(
        default=200, description="Passages under attack, drawn with the seed."
    )
    draws: Annotated[int, Field(ge=1, le=10**12)] = Field(
        default=100, description="Tries that the adversary has for each passage."
    )
    success: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = Field(
        default=0.5,
        description="A passage counts if that many tries give it back with this probability.",
    )


class LanguageConfig(Audited):
    """An audit of a language model, as written in reticent.toml."""

    modality: Literal["text"] = Field(description='"text".')
    model: LanguageTarget
    data: LanguageData
    adversary: LanguageAdversary = Field(default_factory=LanguageAdversary)
    audit: LanguageAudit = Field(default_factory=LanguageAudit)

    required: ClassVar[Mapping[tuple[str, ...], str]] = {
        ("model",): "Write [model] with owner and path (or url).",
        ("model", "owner"): "Name the person or team who answers for this model: "
        'owner = "Support team".',
        ("data",): "Write [data] with training and unseen.",
        ("data", "training"): "Name a folder, file or table of documents that it was trained on.",
        ("data", "unseen"): "Name documents of the same kind that it never saw: every rate stands "
        "beside theirs.",
        ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
    }
    folders: ClassVar[frozenset[Key]] = frozenset(
        {
            ("model", "path"),
            ("model", "tokenizer"),
            ("data", "training"),
            ("data", "unseen"),
            ("data", "public"),
            ("adversary", "reference"),
        }
    )

    @classmethod
    def faults_in(cls, doc: Mapping[str, Any]) -> list[Fault]:
        """Return every fault that no single value shows."""
        return [*_model(doc), *faults_of_policies(doc), *faults_of_audit(doc)]

    @property
    def may_name(self) -> dict[Key, str | None]:
        """Return key -> file or folder that it names, None where it names none."""
        return {
            ("model", "path"): self.model.path,
            ("model", "tokenizer"): self.model.tokenizer,
            ("data", "training"): self.data.training,
            ("data", "unseen"): self.data.unseen,
            ("data", "public"): self.data.public,
            ("data", "canaries"): self.data.canaries,
            ("adversary", "reference"): self.adversary.reference,
        }


def _model(doc: Mapping[str, Any]) -> Iterator[Fault]:
    model = doc.get("model")
    if not isinstance(model, Mapping):
        return
    yield from faults_of_ways(model, WAYS, none="neither path nor url", path="SmolLM2-135M")
    yield from faults_of_url(model, served_as="writer")
