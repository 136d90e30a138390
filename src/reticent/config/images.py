"""What reticent.toml may hold for a model of pictures: modality = "image"."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from reticent.config.audited import Audited, AuditTable, Table
from reticent.config.checks import faults_of_audit, faults_of_policies
from reticent.config.faults import Fault
from reticent.config.image_faults import KINDS, image_faults
from reticent.config.lines import Key
from reticent.config.values import Call, FileName, Named, Owner, Proportion, Scalar, different
from reticent.core import Channel

_CHANNELS = {
    "label": Channel.LABEL,
    "top_k": Channel.TOP_K,
    "scores": Channel.SCORES | Channel.TOP_K,
    "weights": Channel.WEIGHTS,
    "embedding": Channel.EMBEDDING,
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
    path: FileName = Field(
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
    answers: Literal["logits", "probabilities", "embedding"] | None = Field(
        default=None,
        examples=["logits"],
        description="What comes out of a torch module or an ONNX graph. embedding: a vector a "
        "picture, as of a face network; what is sought then is the face behind a stored vector. "
        "Default: probabilities if its answers to the training photos are such, else logits.",
    )
    recipe: Call | None = Field(
        default=None,
        examples=["network:train"],
        description='How such a model is trained: "package.module:function", called with '
        "(x, y, seed), that returns the trained torch module, or an estimator with predict_proba. "
        "Twins, trained without some of the people, show whose photos the pictures come from. "
        "Default: the fit of a scikit-learn estimator; other models have stand-ins, which show "
        "less.",
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

    training: FileName = Field(
        examples=["photos/training"],
        description="Photos that the model was trained on: a folder with one folder for each "
        "class, or an .npz file with x and y, relative to this one. No attack sees them. Required.",
    )
    held_out: FileName = Field(
        examples=["photos/held_out"],
        description="Photos of the same people that it was not trained on; the judges learn from "
        "them. Likewise. Required.",
    )
    public: FileName | None = Field(
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
                "label", "top_k", "scores", "weights", "embedding", "intermediate", "explanation"
            ],
            ...,
        ],
        Field(strict=False, min_length=1),
        AfterValidator(different),
    ] = Field(
        default=("label", "scores"),
        examples=[["label", "scores", "weights"]],
        description="weights: the model file itself is in the adversary's hands, and no policy "
        "stands between. embedding: the vectors of a model that answers with such. explanation and "
        "intermediate: what the endpoint says beside its answers, see explainer and layer.",
    )
    explainer: Literal["saliency", "attribution", "prototype"] | None = Field(
        default=None,
        examples=["saliency"],
        description="How the endpoint explains an answer: by the gradient of the answered class's "
        "logit (saliency), by that times the way from the mean picture (attribution, what SHAP "
        "gives for a linear model), or by a training photo of the answered class (prototype). A "
        "torch or ONNX model's.",
    )
    layer: Named | None = Field(
        default=None,
        examples=["features.3"],
        description="The submodule whose output gets out, as in split inference or a store of "
        "features; the adversary has seen that of one photo of each person.",
    )

    @property
    def reachable(self) -> Channel:
        """Return the channels that callers can reach."""
        found = Channel(0)
        for name in self.channels:
            found |= _CHANNELS[name]
        return found


class ImageAudit(AuditTable):
    """What is measured, how finely, and what counts."""

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
    ppv_declared: Proportion = Field(
        default=0.9, description="Share of right pictures from which individuals count as exposed."
    )


class ImageConfig(Audited):
    """An audit of a model of pictures, as written in reticent.toml."""

    modality: Literal["image"] = Field(description='"image".')
    model: ImageModel
    data: ImageData
    adversary: ImageAdversary = Field(default_factory=ImageAdversary)
    exposure: ImageExposure = Field(default_factory=ImageExposure)
    audit: ImageAudit = Field(default_factory=ImageAudit)

    required: ClassVar[Mapping[tuple[str, ...], str]] = {
        ("model",): "Write [model] with owner and path.",
        ("model", "owner"): "Name the person or team who answers for this model: "
        'owner = "Door camera team".',
        ("model", "path"): 'Name the model file: path = "model.skops".',
        ("data",): "Write [data] with training and held_out.",
        (
            "data",
            "training",
        ): "Name the folder or .npz file of photos that the model was trained on.",
        (
            "data",
            "held_out",
        ): "Name photos of the same people that the model was not trained on: the "
        "judges learn from them.",
        ("policy", "name"): 'Name the policy, e.g. name = "rounded".',
    }
    folders: ClassVar[frozenset[Key]] = frozenset(
        {("data", "training"), ("data", "held_out"), ("data", "public")}
    )

    @classmethod
    def faults_in(cls, doc: Mapping[str, Any]) -> list[Fault]:
        """Return every fault that no single value shows."""
        return [*image_faults(doc), *faults_of_policies(doc), *faults_of_audit(doc)]

    @property
    def may_name(self) -> dict[Key, str | None]:
        """Return key -> file or folder that it names, None where it names none."""
        data = self.data
        return {
            ("model", "path"): self.model.path,
            ("data", "training"): data.training,
            ("data", "held_out"): data.held_out,
            ("data", "public"): data.public,
        }
