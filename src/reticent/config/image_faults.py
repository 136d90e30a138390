"""Faults in the configuration of an audit of pictures that no single value shows."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from reticent.config.faults import Fault, shown

KINDS = {
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
    ".onnx": "onnx",
    ".pt": "torch",
    ".pth": "torch",
    ".pt2": "torch",
    ".ts": "torch",
    ".safetensors": "torch",
}


def image_faults(doc: Mapping[str, Any]) -> list[Fault]:
    """Return what does not fit together in a model of pictures, its data and its exposure."""
    return [*_model(doc), *_data(doc), *_exposure(doc)]


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
    weights = isinstance(path, str) and PurePath(path).suffix.lower() == ".safetensors"
    if kind == "torch" and weights and model.get("call") is None:
        yield Fault(
            ("model", "path"),
            f"model.path is {shown(path)}, which holds weights alone.",
            'Name the function that builds their module: call = "network:build".',
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


def _exposure(doc: Mapping[str, Any]) -> Iterator[Fault]:
    model, exposure = doc.get("model"), doc.get("exposure", {})
    if not isinstance(model, Mapping) or not isinstance(exposure, Mapping):
        return
    channels = exposure.get("channels", ("label", "scores"))
    if not isinstance(channels, (list, tuple)):
        return
    vectors = model.get("answers") == "embedding"
    odd = [c for c in channels if (c in ("embedding", "weights")) < vectors]
    if vectors and odd:
        yield Fault(
            ("exposure", "channels"),
            f"exposure.channels has {shown(odd[0])}, and the model answers with vectors.",
            'Write channels = ["embedding"], and "weights" if the model file gets out as well.',
        )
    if "embedding" in channels and not vectors:
        yield Fault(
            ("exposure", "channels"),
            'exposure.channels has "embedding", and the model answers with classes.',
            'Set model.answers = "embedding" if it answers with vectors.',
        )
    for channel, key, example in (
        ("explanation", "explainer", "saliency"),
        ("intermediate", "layer", "features.3"),
    ):
        if (channel in channels) != (exposure.get(key) is not None):
            lacking = exposure.get(key) is None
            yield Fault(
                ("exposure", "channels" if lacking else key),
                f'exposure.channels has "{channel}" and no exposure.{key} says what that is.'
                if lacking
                else f'exposure.{key} is set, and exposure.channels has no "{channel}".',
                f'Set {key}, for example {key} = "{example}".'
                if lacking
                else f'Add "{channel}" to the channels, or remove {key}.',
            )
        if channel in channels and _kind(model) == "sklearn":
            yield Fault(
                ("exposure", "channels"),
                f'exposure.channels has "{channel}", which a scikit-learn model does not show.',
                "Export the model to ONNX (skl2onnx) and audit that: its gradients and layers are "
                "read through torch.",
            )


def _kind(model: Mapping[str, Any]) -> object:
    path = model.get("path")
    suffix = PurePath(path).suffix.lower() if isinstance(path, str) else ""
    return model.get("kind") or KINDS.get(suffix)


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
