"""PyTorch modules (the extra `torch`)."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from reticent.core import Answer, BadInput, Channel, ImageSpace, Inputs, UntrustedFile, check_raw
from reticent.targets._raw import guarded, in_chunks, pick
from reticent.targets.function import load_function

if TYPE_CHECKING:
    from reticent.targets._torch_view import Answers, Layout

_RANGE_TOL = 1e-3  # of the range: what float32 and a resized picture are off by
_PROGRAMS = frozenset({".pt", ".pth", ".pt2", ".ts"})


@final
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TorchModel:
    """A module in evaluation mode, asked in batches, without gradients.

    It always offers WEIGHTS: `weights()` is a module that takes pictures in our layout, in the
    model's units, and returns logits (or vectors), for attacks to differentiate.

    Attributes:
        module: takes float32 tensors.
        classes: the class values in the order of the answers; none for an embedding.
        answers: what comes out: "logits", "probabilities" or "embedding".
        images: its pictures; None if it takes plain arrays, which are passed on as they are.
        layout: how it takes pictures; tried out if None.
        name: how messages call the model.
        batch_size: pictures asked at a time.

    Raises: BadInput if torch is missing, the module is in training mode, takes other pictures, or
        answers in another shape.
    """

    module: Any
    classes: tuple[object, ...] = ()
    answers: "Answers" = "logits"
    images: ImageSpace | None = None
    layout: "Layout | None" = None
    name: str = "module"
    batch_size: int = 128
    columns: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        _torch(self.name)
        self._check_mode()
        if (self.answers == "embedding") == bool(self.classes):
            raise BadInput(
                f"{self.name} answers with {self.answers} and has {len(self.classes)} classes.",
                way_out="Give the classes of a classifier, in the order of its answers, and none "
                "of an embedding.",
            )
        if self.images is not None:
            if self.layout is None:
                object.__setattr__(self, "layout", self._found_layout(self.images))
            self._check_width(self.images)

    @property
    def channels(self) -> Channel:
        """Return the channels the raw model offers."""
        if self.answers == "embedding":
            return Channel.EMBEDDING | Channel.WEIGHTS
        return Channel.LABEL | Channel.TOP_K | Channel.SCORES | Channel.WEIGHTS

    def answer(self, x: Inputs) -> Answer:
        """Return the raw answer to each row: (n, *shape) or (n, size) in the model's units.

        Raises: BadAnswer if the module raised or answered nonsense; BadInput for pictures of
        another shape or range, or if the module was put into training mode since.
        """
        self._check_mode()
        rows = np.asarray(pick(x, (), model=self.name))
        if self.images is not None:
            check_pictures(rows, self.images, model=self.name)
        told = in_chunks(self._ask, rows, chunk_rows=self.batch_size)
        return check_raw(told, questions=len(rows), model=self.name)

    def weights(self) -> object:
        """Return a module: (n, *shape) or (n, size) in the model's units -> logits or vectors."""
        from reticent.targets._torch_view import TorchView

        shape = None if self.images is None else self.images.shape
        return TorchView(self.module, self.layout or "as given", self.answers, shape).eval()

    def _ask(self, x: Inputs) -> Answer:
        import torch

        view: Any = self.weights()

        def asked() -> Any:
            with torch.no_grad():
                return view(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))).numpy()

        out = np.asarray(guarded(asked, model=self.name), dtype=np.float64)
        if self.answers == "embedding":
            return Answer(embeddings=out)
        e = np.exp(out - out.max(axis=1, keepdims=True))
        scores = e / e.sum(axis=1, keepdims=True)
        return Answer(labels=scores.argmax(axis=1), scores=scores)

    def _check_mode(self) -> None:
        modules = getattr(self.module, "modules", None)
        if not callable(modules):
            raise BadInput(
                f"{self.name} is a {type(self.module).__name__}, no torch module.",
                way_out="Give a torch.nn.Module.",
            )
        training = [type(part).__name__ for part in modules() if part.training]
        if training:
            raise BadInput(
                f"{self.name} is in training mode ({training[0]}): dropout would draw, and batch "
                "norm would answer each picture by the others it came with.",
                way_out="Call .eval() on the module, as whoever serves it does.",
            )

    def _found_layout(self, images: ImageSpace) -> "Layout":
        from reticent.targets._torch_view import colours_taken, working_layout

        found, said = working_layout(self.module, images.shape, images.low)
        if found is None:
            taken, given = colours_taken(self.module), 1 if len(images.shape) == 2 else 3
            if taken in (1, 3) and taken != given:
                raise BadInput(
                    f"{self.name} takes pictures of {_colours(taken)} and these have "
                    f"{_colours(given)}.",
                    way_out="Convert the pictures, or wrap the module so that it does.",
                )
            raise BadInput(
                f"{self.name} takes no pictures of shape {images.shape} in any layout "
                f"({'; '.join(said[:2])}).",
                way_out="Check the size, and that the module answers (n, classes).",
            )
        return found

    def _check_width(self, images: ImageSpace) -> None:
        scores = self._ask(images.inputs(np.full((1, images.size), 0.5))).scores
        if scores is None:
            return
        width = scores.shape[1]
        if width != len(self.classes):
            raise BadInput(
                f"{self.name} answers {width} numbers a picture and {len(self.classes)} classes "
                "were given.",
                way_out="Give its classes in the order of its answers.",
            )


def _colours(channels: int) -> str:
    return "grey values" if channels == 1 else f"{channels} colours"


def check_pictures(x: Any, images: ImageSpace, *, model: str) -> None:
    """Raise BadInput if inputs are no pictures of this shape and range.

    Args:
        x: (n, ...) inputs.
        images: what the model takes.
        model: how messages call it.
    """
    if x.ndim == 4 and len(images.shape) == 3 and x.shape[1:] == (3, *images.shape[:2]):
        raise BadInput(
            f"{model} was asked with colours first, {x.shape[1:]}.",
            way_out="Put the colour channels last.",
        )
    if x.ndim == 4 and len(images.shape) == 2:
        raise BadInput(
            f"{model} takes grey pictures and was asked with {x.shape[1:]}.",
            way_out="Convert the pictures to grey; a single channel has no axis of its own.",
        )
    if x.shape[1:] not in (images.shape, (images.size,)):
        raise BadInput(
            f"{model} takes pictures of shape {images.shape} and was asked with {x.shape[1:]}.",
            way_out="Bring all pictures to one size.",
        )
    if x.size:
        slack = _RANGE_TOL * (images.high - images.low)
        least, most = float(np.min(x)), float(np.max(x))
        if not (least >= images.low - slack and most <= images.high + slack):
            raise BadInput(
                f"{model} takes values from {images.low:g} to {images.high:g} and was asked with "
                f"{least:g} to {most:g}.",
                way_out="Scale the pictures to the model's range, or declare another range.",
            )


def load_torch(
    path: str | Path,
    *,
    images: ImageSpace | None = None,
    classes: tuple[object, ...] = (),
    answers: "Answers" = "logits",
    factory: str | None = None,
    beside: Path | None = None,
    trust: bool = False,
    name: str | None = None,
) -> TorchModel:
    """Return the torch model in a file, in evaluation mode.

    Args:
        path: `.safetensors` (weights; `factory` makes the module they belong to), `.onnx` (turned
            into a torch module), or with consent a program: `.pt2` of torch.export, `.pt`, `.pth`
            or `.ts` of TorchScript.
        images: its pictures; None for plain arrays.
        classes: in the order of its answers; none for an embedding.
        answers: what comes out of it.
        factory: "package.module:function" that returns the untrained module.
        beside: a folder to look for that module in as well.
        trust: the user's consent that the file may run code.
        name: how messages call the model; the file's name if not given.

    Raises: UntrustedFile without consent; BadInput for a file that cannot be used.
    """
    found = Path(path)
    called = name or found.name
    _torch(called)
    if not found.is_file():
        raise BadInput(f"Model file {str(path)!r} is not there.", way_out="Check the path.")
    suffix = found.suffix.lower()
    if suffix == ".safetensors":
        module = _from_weights(found, factory, beside)
    elif suffix == ".onnx":
        from reticent.targets.onnx_module import onnx_module

        module = onnx_module(found)
    elif suffix in _PROGRAMS:
        module = _from_program(found, trust=trust)
    else:
        raise BadInput(
            f"{found} ends in {suffix or 'nothing'!r}, which is no torch model known here.",
            way_out="Save its state_dict as .safetensors and name a factory, or export it to ONNX.",
        )
    return TorchModel(module=module, classes=classes, answers=answers, images=images, name=called)


def _from_weights(path: Path, factory: str | None, beside: Path | None) -> Any:
    if factory is None:
        raise BadInput(
            f"{path} holds weights alone, and no factory was named.",
            way_out="Name the function that makes the module: package.module:function.",
        )
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise BadInput(
            f"{path} holds safetensors, and safetensors is not installed.",
            way_out="Install it with: pip install 'reticent[torch]'.",
        ) from error
    make: Callable[..., Any] = load_function(factory, beside=beside)
    module = make()
    state: Mapping[str, Any] = _read(path, lambda: load_file(path))
    try:
        lacking = module.load_state_dict(state, strict=False)
    except (RuntimeError, AttributeError) as error:
        raise _does_not_fit(path, factory, str(error)) from error
    # A counter of batches seen in training plays no part in answers.
    missing = [key for key in lacking.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or lacking.unexpected_keys:
        odd = [*missing, *lacking.unexpected_keys]
        raise _does_not_fit(path, factory, f"{len(odd)} differ, {', '.join(odd[:4])}")
    return module.eval()


def _from_program(path: Path, *, trust: bool) -> Any:
    if not trust:
        raise UntrustedFile(
            f"{path} is a program: running it runs what its author put in.",
            way_out="Save the state_dict as .safetensors and name a factory, or, if you know who "
            "wrote it, consent with --trust-model-file.",
        )
    import torch

    def read() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is, and still read
            if path.suffix.lower() == ".pt2":
                return torch.export.load(path).module()
            read_script: Callable[..., Any] = torch.jit.load
            return read_script(str(path), map_location="cpu").eval()

    return _read(path, read)


def _read(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # a truncated or forged file can raise anything
        said = (str(error).strip().splitlines() or ["no message"])[0][:300]
        raise BadInput(
            f"{path} cannot be loaded: {type(error).__name__}: {said}",
            way_out="It is truncated, or was written by another library version; save it again.",
        ) from error


def _does_not_fit(path: Path, factory: str, said: str) -> BadInput:
    return BadInput(
        f"The weights in {path} do not fit what {factory!r} makes: {said[:300]}.",
        way_out="Name the factory of the model that was saved.",
    )


def _torch(name: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise BadInput(
            f"{name} is a torch model, and torch is not installed.",
            way_out="Install it with: pip install 'reticent[torch]'.",
        ) from error
