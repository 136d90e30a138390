"""What reticent.toml may hold for a model of pictures: modality = "image"."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reticent.config.checks import faults_of_audit, faults_of_policies
from reticent.config.faults import Fault, shown
from reticent.config.schema import Declared, Placed, PolicyTable, Table
from reticent.config.values import Call, Columns, Named, Owner, Proportion, Scalar, different
from reticent.core import Channel
from reticent.policy import Policy

KINDS = {
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
    ".onnx": "onnx",
    ".pt": "torch",
    ".pth": "torch",
    ".safetensors": "torch",
}
_CHANNELS = {
    "label": Channel.LABEL,
    "top_k": Channel.TOP_K,
    "scores": Channel.SCORES | Channel.TOP_K,
    "weights": Channel.WEIGHTS,
    "gradients": Channel.GRADIENTS,
    "intermediate": Channel.INTERMEDIATE,
    "explanation": Channel.EXPLANATION,
}

Pixels = Annotated[
    tuple[Annotated[int, Field(ge=1, le=4096)], ...],
    Field(strict=False, min_length=2, max_length=3),
]
Span = Annotated[
    tuple[
        Annotated[float, Field(allow_inf_nan=False, strict=False)],
        Annotated[float, Field(allow_inf_nan=False, strict=False)],
    ],
    Field(strict=False),
]
JudgeName = Literal["network", "lda", "gradients", "dlib"]


class ImageModel(Table):
    """The model of pictures under audit and how to reach it."""

    owner: Owner = Field(
        description="Who answers for this model: a named person or team. Required."
    )
    path: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        examples=["model.skops"],
        description="Model file, relative to this file: .skops (or a pickle, with consent), .onnx, "
        "or the weights of a torch module (.pt, .safetensors). Required.",
    )
    name: Named | None = Field(
        default=None,
        examples=["door-camera"],
        description="How reports call it. Default: the name of its file.",
    )
    kind: Literal["sklearn", "onnx", "torch"] | None = Field(
        default=None, description="How to reach it. Default: from the suffix of path."
    )
    call: Call | None = Field(
        default=None,
        examples=["network:build"],
        description='With a torch module: "package.module:function" that returns it without its '
        "weights; the module lies beside this file or is installed.",
    )
    shape: Pixels | None = Field(
        default=None,
        examples=[[112, 92]],
        description="Height and width of its pictures, and 3 for colour. Default: those of the "
        "training photos.",
    )
    range: Span = Field(
        default=(0.0, 1.0),
        examples=[[0, 255]],
        description="Black and white in the numbers that the model takes.",
    )
    layout: Literal["flat", "channels_last", "channels_first"] | None = Field(
        default=None,
        description="How the model takes a picture: as a row of numbers, or with its colours last "
        "or first (a grey picture then has one channel first). Default: flat for scikit-learn, "
        "else channels_first.",
    )
    classes: (
        Annotated[tuple[Scalar, ...], Field(strict=False, min_length=2), AfterValidator(different)]
        | None
    ) = Field(
        default=None,
        examples=[["s1", "s2"]],
        description="Class values in the order of the scores, if the model has none. Default for "
        "torch: the names of the training photos' classes in order.",
    )
    answers: Literal["logits", "probabilities"] = Field(
        default="logits", description="What comes out of a torch module."
    )

    @property
    def title(self) -> str:
        """Return the name that reports use."""
        return self.name or Path(self.path).stem

    @property
    def reached_by(self) -> str:
        """Return the kind, inferred where it is left out."""
        return self.kind or KINDS[Path(self.path).suffix.lower()]

    @property
    def taken_as(self) -> str:
        """Return the layout, inferred where it is left out."""
        return self.layout or ("flat" if self.reached_by == "sklearn" else "channels_first")


class ImageData(Table):
    """The photos: what the model was trained on, and what not. Folders, or .npz files."""

    training: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        examples=["photos/training"],
        description="Photos that the model was trained on: a folder with one folder for each "
        "class, or an .npz file with x and y, relative to this one. No attack sees them. Required.",
    )
    held_out: Annotated[str, Field(min_length=1, max_length=4096)] = Field(
        examples=["photos/held_out"],
        description="Photos of the same people that it was not trained on; the judges learn from "
        "them. Likewise. Required.",
    )
    public: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        default=None,
        examples=["photos/public"],
        description="Pictures of other people, which the adversary owns. Likewise. Without them, "
        "attacks that need a prior are not run.",
    )
    range: Span | None = Field(
        default=None,
        examples=[[0, 255]],
        description="Black and white in an .npz file. Default: 0 and 255 for bytes, else 0 and 1.",
    )
    fit: bool = Field(
        default=False,
        description="Scale and convert pictures of another size or colour instead of refusing "
        "them.",
    )
    show_names: bool = Field(
        default=False,
        description="Write class names into reports (digits, products). Default: pseudonyms, as "
        "for people.",
    )
    max_people: Annotated[int, Field(ge=2, le=100_000)] = Field(
        default=200,
        description="People under attack, drawn with the seed; the line-up is among all.",
    )


class ImageAdversary(Table):
    """What the adversary can afford."""

    query_budget: Annotated[int, Field(ge=1, le=10**12)] | None = Field(
        default=None,
        examples=[16000],
        description="Pictures that one attack may ask about, for all people together. Default: no "
        "limit.",
    )


class ImageExposure(Table):
    """What the endpoint lets out before any policy."""

    channels: Annotated[
        tuple[
            Literal[
                "label", "top_k", "scores", "weights", "gradients", "intermediate", "explanation"
            ],
            ...,
        ],
        Field(strict=False, min_length=1),
        AfterValidator(different),
    ] = Field(
        default=("label", "scores"),
        examples=[["label", "scores", "weights"]],
        description="weights: the model file itself is in the adversary's hands, and no policy "
        "stands between.",
    )

    @property
    def reachable(self) -> Channel:
        """Return the channels that callers can reach."""
        found = Channel(0)
        for name in self.channels:
            found |= _CHANNELS[name]
        return found


class ImageAudit(Table):
    """What is measured, how finely, and what counts."""

    attacks: Annotated[Columns, Field(min_length=1)] = Field(
        default=("all",), description='Names from "reticent attacks", or ["all"].'
    )
    exclude: Columns = Field(default=(), description="Names not to run.")
    judges: (
        Annotated[
            tuple[JudgeName, ...], Field(strict=False, min_length=3), AfterValidator(different)
        ]
        | None
    ) = Field(
        default=None,
        examples=[["network", "lda", "dlib"]],
        description="Who decides whom a picture shows: two of the first three must agree, all are "
        "reported. dlib takes dlib-bin and face-recognition-models. Default: network, lda, and "
        "dlib where it is installed, else gradients.",
    )
    twin_models: bool = Field(
        default=True,
        description="Train two models without half of the people each, as a control.",
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="Of everything random."
    )
    tolerance: Proportion = Field(
        default=0.05, description="The effect size that matters, as a difference of proportions."
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1, allow_inf_nan=False)] = Field(
        default=0.95, description="Of every interval."
    )
    ppv_declared: Proportion = Field(
        default=0.9, description="Share of right pictures from which individuals count as exposed."
    )
    declared: Literal["all"] | Annotated[tuple[Declared, ...], Field(strict=False)] = Field(
        default="all",
        description='The confirmatory cells (Holm): "all", or a list of {attack, policy}; '
        "the others are exploratory (Benjamini-Hochberg).",
    )


class ImageConfig(Placed):
    """An audit of a model of pictures, as written in reticent.toml."""

    modality: Literal["image"] = Field(description='"image".')
    model: ImageModel
    data: ImageData
    adversary: ImageAdversary = Field(default_factory=ImageAdversary)
    exposure: ImageExposure = Field(default_factory=ImageExposure)
    policy: Annotated[tuple[PolicyTable, ...], Field(strict=False, min_length=1)] = Field(
        default=(PolicyTable(name="open"),),
        description="One [[policy]] table a chain; the first is the one in force.",
    )
    audit: ImageAudit = Field(default_factory=ImageAudit)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        from reticent.config.values import broken

        faults = image_faults(self.model_dump(exclude_none=True))
        if faults:
            raise broken(" ".join(str(fault) for fault in faults))
        return self

    @property
    def policies(self) -> dict[str, Policy]:
        """Return name -> policy in order; the first is the one in force."""
        return {table.name: table.policy() for table in self.policy}

    @property
    def digest(self) -> str:
        """Return the name of this configuration: SHA-256 of its values, wherever it lies."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()


def image_faults(doc: Mapping[str, Any]) -> list[Fault]:
    """Return every fault that no single value shows."""
    return [*_model(doc), *_data(doc), *faults_of_policies(doc), *faults_of_audit(doc)]


def _model(doc: Mapping[str, Any]) -> Iterator[Fault]:
    model = doc.get("model")
    if not isinstance(model, Mapping):
        return
    path, kind, shape = model.get("path"), model.get("kind"), model.get("shape")
    if isinstance(path, str) and kind is None:
        suffix = PurePath(path).suffix.lower()
        if suffix not in KINDS:
            yield Fault(
                ("model", "path"),
                f"model.path is {shown(path)}; its suffix {suffix!r} does not say what kind of "
                "model it is.",
                'Set model.kind to "sklearn", "onnx" or "torch".',
            )
        kind = KINDS.get(suffix)
    if kind in ("sklearn", "onnx") and model.get("call") is not None:
        yield Fault(
            ("model", "call"),
            f"model.call builds a torch module, but the model is of kind {kind!r}.",
            "Remove call, or give the weights of a torch module as path.",
        )
    if isinstance(shape, (list, tuple)) and len(shape) == 3 and shape[2] != 3:
        first = shape[0] in (1, 3)
        yield Fault(
            ("model", "shape"),
            f"model.shape is {shown(list(shape))}; it must be [height, width] or [height, width, "
            "3].",
            'Put the colours last here; layout = "channels_first" says how the model takes them.'
            if first
            else "A grey picture has two numbers.",
        )
    yield from _span(("model", "range"), model.get("range"))


def _data(doc: Mapping[str, Any]) -> Iterator[Fault]:
    data = doc.get("data")
    if not isinstance(data, Mapping):
        return
    yield from _span(("data", "range"), data.get("range"))
    named: dict[str, str] = {}
    for name in ("training", "held_out", "public"):
        source = data.get(name)
        if isinstance(source, str) and source in named:
            yield Fault(
                ("data", name),
                f"data.{name} is {shown(source)}, which is data.{named[source]} already.",
                "The judges and the adversary must have photos that the model was not trained on.",
            )
        elif isinstance(source, str):
            named[source] = name


def _span(key: tuple[str, str], span: object) -> Iterator[Fault]:
    if isinstance(span, (list, tuple)) and len(span) == 2:
        low, high = span
        numbers = isinstance(low, (int, float)) and isinstance(high, (int, float))
        if numbers and not low < high:
            yield Fault(
                key,
                f"{'.'.join(key)} is {shown(list(span))}; black comes first and must be less.",
                "Write for example [0, 255].",
            )
