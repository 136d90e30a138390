"""A torch model whose endpoint explains its answers, or shows an inner layer."""

from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np

from reticent.core import Answer, BadInput, Channel, Floats, Inputs, check_raw
from reticent.targets._raw import guarded, pick
from reticent.targets.torch import TorchModel

Explainer = Literal["none", "saliency", "attribution", "prototype"]
EXPLAINERS: tuple[Explainer, ...] = ("none", "saliency", "attribution", "prototype")


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExplainedModel:
    """Adds an explanation and an inner layer's output to a classifier's answers.

    Attributes:
        model: the classifier.
        explainer: "saliency" is the gradient of the answered class's logit by the inputs,
            "attribution" that times (input - baseline), which for a linear model is its SHAP value,
            "prototype" the example that the endpoint shows for the answered class.
        baseline: (inputs,) where attributions count from; needed for these only.
        prototypes: (classes, inputs) in the model's units; needed for these only.
        layer: name of the submodule whose output is shown, flattened; "" for none.

    Raises: BadInput if what an explainer needs is missing or the module has no such layer.
    """

    model: TorchModel
    explainer: Explainer = "none"
    baseline: Floats | None = None
    prototypes: Floats | None = None
    layer: str = ""
    columns: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.explainer not in EXPLAINERS:
            raise BadInput(
                f"explainer is {self.explainer!r}; it must be one of {list(EXPLAINERS)}.",
                way_out="Choose one of them.",
            )
        if not self.model.classes:
            raise BadInput(
                f"{self.model.name} has no classes to explain.",
                way_out="Explain a classifier.",
            )
        if self.explainer == "attribution" and self.baseline is None:
            raise BadInput(
                "Attributions were asked for without a baseline.",
                way_out="Give the mean picture, (inputs,).",
            )
        if self.explainer == "prototype" and (
            self.prototypes is None or len(self.prototypes) != len(self.model.classes)
        ):
            given = 0 if self.prototypes is None else len(self.prototypes)
            raise BadInput(
                f"{given} prototypes were given for {len(self.model.classes)} classes.",
                way_out="Give one a class, in their order.",
            )
        layers = [name for name, _ in self.model.module.named_modules() if name]
        if self.layer and self.layer not in layers:
            raise BadInput(
                f"{self.model.name} has no layer {self.layer!r}.",
                way_out=f"Its layers are {', '.join(layers[:20])}.",
            )

    @property
    def name(self) -> str:
        """Return how messages call this model."""
        return self.model.name

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers."""
        offered = self.model.channels
        if self.explainer != "none":
            offered |= Channel.EXPLANATION
        if self.layer:
            offered |= Channel.INTERMEDIATE
        return offered

    @property
    def classes(self) -> tuple[object, ...]:
        """Return the class values in the order of the scores."""
        return self.model.classes

    def answer(self, x: Inputs) -> Answer:
        """Return the model's answer, explained.

        Raises: BadAnswer, BadInput, as the model does.
        """
        plain = self.model.answer(x)
        rows = np.asarray(pick(x, (), model=self.name))
        labels = np.asarray(plain.labels)
        beside = [
            self._beside(part, labels[first : first + len(part)])
            for first, part in _parts(rows, self.model.batch_size)
        ]
        explained = [one for one, _ in beside if one is not None]
        inner = [one for _, one in beside if one is not None]
        told = Answer(
            labels=plain.labels,
            scores=plain.scores,
            explanation=np.concatenate(explained) if explained else None,
            intermediate=np.concatenate(inner) if inner else None,
        )
        return check_raw(told, questions=len(rows), model=self.name)

    def weights(self) -> object:
        """Return the classifier itself."""
        return self.model.weights()

    def _beside(self, x: Floats, labels: Any) -> tuple[Floats | None, Floats | None]:
        """Return the explanation and the inner layer's output for a few rows."""
        import torch

        kept: list[Any] = []
        hooks = [
            part.register_forward_hook(lambda _, __, out: kept.append(out))
            for name, part in self.model.module.named_modules()
            if name == self.layer and self.layer
        ]
        view: Any = self.model.weights()
        given = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).requires_grad_()

        def asked() -> Any:
            try:
                return view(given)
            finally:
                for hook in hooks:
                    hook.remove()

        logits = guarded(asked, model=self.name)
        explained: Floats | None = None
        if self.explainer == "prototype" and self.prototypes is not None:
            explained = self.prototypes[labels].reshape(len(x), -1)
        elif self.explainer != "none":
            own = logits[torch.arange(len(x)), torch.from_numpy(labels)].sum()
            slope = torch.autograd.grad(own, given)[0].numpy().reshape(len(x), -1)
            explained = np.asarray(slope, dtype=np.float64)
            if self.explainer == "attribution" and self.baseline is not None:
                explained = explained * (x.reshape(len(x), -1) - self.baseline)
        return explained, self._inner(kept, len(x))

    def _inner(self, kept: list[Any], n: int) -> Floats | None:
        """Return (n, d) what the layer said; of one that runs several times, the first.

        Raises: BadInput if it did not run, or says no numbers of each row.
        """
        if not self.layer:
            return None
        out: Any = kept[0] if kept else None
        if isinstance(out, (tuple, list)):
            out = out[0]
        if getattr(out, "ndim", 0) < 1 or len(out) != n or not hasattr(out, "detach"):
            raise BadInput(
                f"Layer {self.layer!r} of {self.model.name} says no numbers of each row it is "
                "asked about.",
                way_out="Choose a layer that every row runs through.",
            )
        return np.asarray(out.detach().numpy().reshape(n, -1), dtype=np.float64)


def _parts(rows: Floats, size: int) -> list[tuple[int, Floats]]:
    return [(first, rows[first : first + size]) for first in range(0, len(rows), size)]
