"""ONNX graphs as torch modules, so that their gradients can be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from reticent.core import BadInput

#: The node's inputs and its attributes -> its outputs (a single one as it is).
Operation = Callable[[Sequence[Any], Mapping[str, Any]], Any]


def onnx_module(path: Path) -> nn.Module:
    """Return the graph in a file as a module that computes its first float output of two axes.

    Graphs of scikit-learn's linear classifiers end in labels and probabilities; the module then
    returns the probabilities' logits.

    Raises: BadInput if onnx is missing, the file is none, or it holds an operation that has no
    counterpart here (named).
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise BadInput(
            f"{path} is to be turned into a torch module, and onnx is not installed.",
            way_out="Install it with: pip install 'reticent[onnx]'.",
        ) from error
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf's errors share no base of their own
        raise BadInput(
            f"{path} cannot be read as ONNX: {type(error).__name__}.",
            way_out="It is truncated, or of another format; export it again.",
        ) from error
    constants = {
        tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
        for tensor in graph.initializer
    }
    steps = []
    for node in graph.node:
        if node.op_type not in OPERATIONS:
            raise BadInput(
                f"{path} uses the operation {node.op_type}, which has no gradient here.",
                way_out=f"Export the model with other operations; known are "
                f"{', '.join(sorted(OPERATIONS))}.",
            )
        given = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute}
        steps.append(_Step(node.op_type, tuple(node.input), tuple(node.output), given))
    inputs = [entry.name for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise BadInput(
            f"{path} takes {len(inputs)} inputs; one tensor of pictures is needed.",
            way_out="Export the model with a single input.",
        )
    return OnnxModule(inputs[0], tuple(entry.name for entry in graph.output), steps, constants)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    settings: Mapping[str, Any]


_WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})  # their second input was learned


class OnnxModule(nn.Module):
    """A graph, computed node by node."""

    def __init__(
        self,
        takes: str,
        gives: tuple[str, ...],
        steps: Sequence[_Step],
        constants: Mapping[str, torch.Tensor],
    ) -> None:
        nn.Module.__init__(self)
        self.takes, self.gives, self.steps = takes, gives, list(steps)
        self.held = dict(constants)
        # Named as weights, so that who draws a module's weights anew draws these.
        learned = {
            step.takes[1]
            for step in self.steps
            if step.kind in _WEIGHTED and len(step.takes) > 1 and step.takes[1] in self.held
        }
        for name in learned:
            self.held[name] = nn.Parameter(self.held[name], requires_grad=False)
        # A place for each value that is worked out, so that it can be listened to like a layer.
        self.at = nn.ModuleDict({_place(step.gives[0]): nn.Identity() for step in self.steps})
        self.learned = nn.ParameterList([self.held[name] for name in sorted(learned)])
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the first output that is floats in two axes; else the last output."""
        values: dict[str, Any] = {**self.held, self.takes: x, "": None}
        for step in self.steps:
            told = OPERATIONS[step.kind]([values[name] for name in step.takes], step.settings)
            first, *rest = told if isinstance(told, tuple) else (told,)
            several = (self.at[_place(step.gives[0])](first), *rest)
            values.update(zip(step.gives, several, strict=False))
        outputs = [values[name] for name in self.gives]
        for output in outputs:
            if output.ndim == 2 and output.is_floating_point():
                return output  # type: ignore[no-any-return]  # a tensor
        return outputs[-1]  # type: ignore[no-any-return]  # a tensor


def _place(value: str) -> str:
    """Return the name of a value as torch allows it for a layer."""
    return value.replace(".", "_") or "_"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if hasattr(value, "raw_data"):
        from onnx import numpy_helper

        return torch.from_numpy(np.array(numpy_helper.to_array(value)))
    return value


def _gemm(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    a = x[0].T if s.get("transA") else x[0]
    b = x[1].T if s.get("transB") else x[1]
    out = s.get("alpha", 1.0) * (a @ b)
    return out if len(x) < 3 or x[2] is None else out + s.get("beta", 1.0) * x[2]


def _padded(x: Any, s: Mapping[str, Any], fill: float) -> Any:
    """Return the input with the node's padding, begins then ends, applied."""
    if s.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise BadInput(
            f"auto_pad is {s['auto_pad']}; explicit padding is needed.",
            way_out="Export the model with explicit pads.",
        )
    pads = list(s.get("pads", ()))
    if not any(pads):
        return x
    half = len(pads) // 2
    order = [p for i in reversed(range(half)) for p in (pads[i], pads[half + i])]
    return functional.pad(x, order, value=fill)


def _conv(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return functional.conv2d(
        _padded(x[0], s, 0.0),
        x[1],
        x[2] if len(x) > 2 else None,
        stride=tuple(s.get("strides", (1, 1))),
        dilation=tuple(s.get("dilations", (1, 1))),
        groups=s.get("group", 1),
    )


def _max_pool(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return functional.max_pool2d(
        _padded(x[0], s, float("-inf")),
        tuple(s["kernel_shape"]),
        stride=tuple(s.get("strides", (1, 1))),
        ceil_mode=bool(s.get("ceil_mode", 0)),
    )


def _average_pool(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    if any(s.get("pads", ())) and not s.get("count_include_pad", 0):
        ones = torch.ones_like(x[0])
        size, stride = tuple(s["kernel_shape"]), tuple(s.get("strides", (1, 1)))
        total = functional.avg_pool2d(_padded(x[0], s, 0.0), size, stride)
        return total / functional.avg_pool2d(_padded(ones, s, 0.0), size, stride)
    return functional.avg_pool2d(
        _padded(x[0], s, 0.0),
        tuple(s["kernel_shape"]),
        stride=tuple(s.get("strides", (1, 1))),
        ceil_mode=bool(s.get("ceil_mode", 0)),
    )


def _batch_norm(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return functional.batch_norm(x[0], x[3], x[4], x[1], x[2], False, 0.0, s.get("epsilon", 1e-5))


def _reshape(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    wanted = [int(x[0].shape[i]) if int(w) == 0 else int(w) for i, w in enumerate(x[1].tolist())]
    return x[0].reshape(wanted)


def _flatten(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    axis = s.get("axis", 1)
    rows = int(np.prod(x[0].shape[:axis]))
    return x[0].reshape(rows, -1)


def _scaler(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    offset, scale = (torch.tensor(s[name], dtype=x[0].dtype) for name in ("offset", "scale"))
    return (x[0] - offset) * scale


def _linear_classifier(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    """Return labels and logits; what follows (Softmax, Normalizer) keeps their order."""
    shift = torch.tensor(s["intercepts"], dtype=x[0].dtype)
    weights = torch.tensor(s["coefficients"], dtype=x[0].dtype).reshape(len(shift), -1)
    logits = x[0] @ weights.T + shift
    post = s.get("post_transform", "NONE")
    if post == "SOFTMAX":
        return logits.argmax(dim=1), torch.softmax(logits, dim=1)
    if post == "LOGISTIC":
        return logits.argmax(dim=1), torch.sigmoid(logits)
    return logits.argmax(dim=1), logits


def _normalizer(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    order = {"L1": 1.0, "L2": 2.0, "MAX": float("inf")}[s.get("norm", "MAX")]
    length: Any = torch.linalg.vector_norm(x[0], ord=order, dim=1, keepdim=True)
    return x[0] / length


def _same(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return x[0]


def _cast(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    # 1 and 11 are float and double: gradients pass. Integers are labels and shapes.
    return x[0].to({1: torch.float32, 11: torch.float64}.get(s["to"], torch.int64))


def _gelu(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return functional.gelu(x[0], approximate=s.get("approximate", "none"))


def _hard_sigmoid(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    return torch.clamp(s.get("alpha", 0.2) * x[0] + s.get("beta", 0.5), 0, 1)


def _gather(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    axis, places = s.get("axis", 0), x[1].long()
    found = torch.index_select(x[0], axis, places.reshape(-1))
    axis %= x[0].ndim
    return found.reshape((*x[0].shape[:axis], *places.shape, *x[0].shape[axis + 1 :]))


def _unsqueeze(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    axes = s["axes"] if "axes" in s else x[1].tolist()
    out = x[0]
    for axis in sorted(a % (x[0].ndim + len(axes)) for a in axes):
        out = out.unsqueeze(axis)
    return out


def _reduce_mean(x: Sequence[Any], s: Mapping[str, Any]) -> Any:
    axes = s.get("axes") or (x[1].tolist() if len(x) > 1 and x[1] is not None else None)
    keep = bool(s.get("keepdims", 1))
    return x[0].mean() if axes is None else x[0].mean(dim=tuple(axes), keepdim=keep)


OPERATIONS: Mapping[str, Operation] = {
    "Add": lambda x, s: x[0] + x[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Concat": lambda x, s: torch.cat(tuple(x), dim=s["axis"]),
    "Clip": lambda x, s: torch.clamp(
        x[0],
        x[1] if len(x) > 1 else s.get("min"),
        x[2] if len(x) > 2 else s.get("max"),
    ),
    "Constant": lambda x, s: s["value"],
    "Conv": _conv,
    "Div": lambda x, s: x[0] / x[1],
    "Dropout": _same,
    "Elu": lambda x, s: functional.elu(x[0], s.get("alpha", 1.0)),
    "Erf": lambda x, s: torch.erf(x[0]),
    "Exp": lambda x, s: torch.exp(x[0]),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x, s: x[0].mean(dim=(2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x, s: functional.hardswish(x[0]),
    "Identity": _same,
    "LeakyRelu": lambda x, s: functional.leaky_relu(x[0], s.get("alpha", 0.01)),
    "LinearClassifier": _linear_classifier,
    "LogSoftmax": lambda x, s: torch.log_softmax(x[0], dim=s.get("axis", -1)),
    "MatMul": lambda x, s: x[0] @ x[1],
    "MaxPool": _max_pool,
    "Mul": lambda x, s: x[0] * x[1],
    "Neg": lambda x, s: -x[0],
    "Normalizer": _normalizer,
    "PRelu": lambda x, s: torch.where(x[0] < 0, x[0] * x[1], x[0]),
    "Pow": lambda x, s: x[0] ** x[1],
    "ReduceMean": _reduce_mean,
    "Relu": lambda x, s: torch.relu(x[0]),
    "Reshape": _reshape,
    "Scaler": _scaler,
    "Shape": lambda x, s: torch.tensor(x[0].shape),
    "Sigmoid": lambda x, s: torch.sigmoid(x[0]),
    "Softmax": lambda x, s: torch.softmax(x[0], dim=s.get("axis", -1)),
    "Sqrt": lambda x, s: torch.sqrt(x[0]),
    "Squeeze": lambda x, s: x[0].squeeze(),
    "Sub": lambda x, s: x[0] - x[1],
    "Tanh": lambda x, s: torch.tanh(x[0]),
    "Transpose": lambda x, s: x[0].permute(tuple(s["perm"])),
    "Unsqueeze": _unsqueeze,
}
