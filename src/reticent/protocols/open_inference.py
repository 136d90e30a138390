"""The Open Inference Protocol, version 2, over REST: MLServer, Triton, KServe, OpenVINO, ...

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
Binary tensors and Triton's `classification` parameter are not part of what is spoken here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

from reticent.core import Answer
from reticent.core.few import Few
from reticent.protocols._answers import (
    assembled,
    few_written,
    labels_of,
    name_of,
    names_of,
    outputs_of,
    written,
)
from reticent.protocols._body import (
    bad_reply,
    known_settings,
    model_path,
    only,
    question_object,
    reply_body,
    setting,
    text_setting,
)
from reticent.protocols._forms import Forms, around_data
from reticent.protocols._json import write
from reticent.protocols._tensors import (
    DATATYPES,
    FORM,
    PlainForm,
    as_columns,
    as_tensor,
    check_parameters,
    check_tensor,
    few_in_rows,
    few_of,
    few_scores,
    from_columns,
    from_tensor,
    kind_of,
    plain_form,
    rows_of,
    safe,
    shape_of,
)
from reticent.protocols.base import (
    CHECKED,
    JSON,
    BadQuestion,
    Interface,
    Question,
    WireRequest,
    WireResponse,
)

_BINARY = "inference-header-content-length"
_MOST_SHAPES = 16
_SETTINGS = ("form", "input", "datatype", "scores")


@final
class OpenInference:
    """`POST /v2/models/MODEL[/versions/VERSION]/infer`.

    Settings:
        form: "tensor" (one input, a row a row of it; the default) or "columns" (an input a column).
        input: the tensor's name; default: the caller's, and "predict" for the auditor.
        datatype: the tensor's; default: the caller's, and FP64 for the auditor.
        scores: "second" if the server gives the probability of the second class alone.
    """

    kind: ClassVar[str] = "open-inference"
    names_model: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = ("classification", "regression", "embedding")

    def __init__(self) -> None:
        self._asked: Forms[PlainForm] = Forms()
        self._said: Forms[tuple[Interface, int, int]] = Forms()

    def path(self, interface: Interface) -> str:
        """Return the path; raises BadInput for settings that cannot be used."""
        known_settings(interface, _SETTINGS, kind=self.kind)
        setting(interface, "form", ("tensor", "columns"), default="tensor")
        text_setting(interface, "input")
        setting(interface, "datatype", ("", *DATATYPES), default="")
        setting(interface, "scores", ("all", "second"), default="all")
        return _path(interface)

    def read_question(self, request: WireRequest, interface: Interface) -> Question:
        """Return the rows of one tensor, or of one tensor a column; raises BadQuestion."""
        if _BINARY in request.headers:
            raise BadQuestion(
                "The request has binary tensors, which are not supported here.",
                way_out="Send the data as JSON.",
            )
        if request.method == "POST" and request.media_type == JSON:
            known = self._asked.find(request.body)
            if known is not None and known[1].interface is interface:
                question = known[1].question(known[0])
                if question is not None:
                    return question
        body = question_object(request, needs=("inputs",))
        plain = plain_form(body, interface)
        if plain is not None:
            tensor = body["inputs"][0]
            question = plain.question(tensor["data"])
            if question is not None:
                self._asked.learn(request.body, body, tensor, plain)
                return question
        only(body, ("id", "parameters", "inputs", "outputs"))
        check_parameters(body)
        details: dict[str, Any] = {}
        if "id" in body:
            details["id"] = safe(body["id"], "id")
        if "outputs" in body:
            details["outputs"] = _outputs(body["outputs"], interface)
        inputs = body["inputs"]
        if type(inputs) is not list or not inputs or any(type(i) is not dict for i in inputs):
            raise BadQuestion("inputs is no list of objects.", way_out="Send one tensor or more.")
        tensors = [check_tensor(each) for each in inputs]
        if len(tensors) == 1 and (len(interface.columns) != 1 or len(tensors[0]["shape"]) == 2):
            rows, more = from_tensor(tensors[0], interface)
        else:
            rows, more = from_columns(tensors, interface)
        return Question(rows=rows, cost=len(rows), details={**details, **more})

    def write_question(self, question: Question, interface: Interface) -> WireRequest:
        """Return the rows as the server takes them; raises BadQuestion if it cannot."""
        details = question.details
        form: PlainForm | None = details.get(FORM)
        if form is not None and question.rows is details[CHECKED] and form.interface is interface:
            asking = form.asking or self._asking(form, question, interface)
            if asking is not None:
                body = b"%b%b%b" % (asking[0], write(few_of(question.rows)), asking[1])
                return WireRequest(method="POST", path=_path(interface), body=body)
        return WireRequest(
            method="POST", path=_path(interface), body=write(self._question(question, interface))
        )

    def _asking(
        self, form: PlainForm, question: Question, interface: Interface
    ) -> tuple[bytes, bytes] | None:
        """Return what stands around the doubles of a form as the server is asked."""
        if interface.settings.get("form") != "columns":
            body = self._question(question, interface)
            body["inputs"][0]["data"] = []
            form.asking = around_data(write(body))
        return form.asking

    def _question(self, question: Question, interface: Interface) -> dict[str, Any]:
        wanted = tuple(interface.outputs) or question.details.get("outputs", ())
        body: dict[str, Any] = {"id": "1"}  # KServe wants one; the caller's is ours to echo
        if interface.settings.get("form") == "columns":
            body["parameters"] = {"content_type": "pd"}
            body["inputs"] = as_columns(question, interface)
        else:
            body["inputs"] = [as_tensor(question, interface)]
        if wanted:
            body["outputs"] = [{"name": name} for name in wanted]
        return body

    def read_answer(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Answer:
        """Return what the known outputs say; raises BadReply."""
        n = len(question.rows)
        found = _found(_body(response), interface)
        return assembled({m: rows_of(found[m], n, m) for m in found}, n, interface)

    def read_few(
        self, response: WireResponse, question: Question, interface: Interface
    ) -> Few | None:
        """Return what `read_answer` does, as lists; None for what is no few plain scores."""
        n = len(question.rows)
        if response.status == 200 and _BINARY not in response.headers:
            known = self._said.find(response.body)
            if known is not None and known[1][0] is interface and known[1][1] == n:
                few = few_in_rows(known[0], n, known[1][2])
                if few is not None:
                    return Few([row.index(max(row)) for row in few], few)
        body = _body(response)
        found = _found(body, interface)
        scores = few_scores(found.get("scores"), n, interface)
        if scores is None:
            return None
        if "label" in found:
            labels = labels_of(rows_of(found["label"], n, "label"), n, interface).tolist()
            if max(labels) >= len(scores[0]):
                return None
        else:
            labels = [row.index(max(row)) for row in scores]
            self._said.learn(response.body, body, found["scores"], (interface, n, len(scores[0])))
        return Few(labels, scores)

    def write_few(self, few: Few, question: Question, interface: Interface) -> bytes:
        """Return what `write_answer` does."""
        form: PlainForm | None = question.details.get(FORM)
        scores = few.scores
        if form is not None and scores is not None and form.interface is interface:
            shape = (len(scores), len(scores[0]))
            telling = form.telling.get(shape)
            if telling is not None:
                cells = [cell + 0.0 for row in scores for cell in row]
                return b"%b%b%b" % (telling[0], write(cells), telling[1])
            if "label" not in interface.outputs.values():  # the scores alone are written
                hollow = _written({"scores": (list(shape), [])}, question, interface)
                telling = around_data(hollow)
                if telling is not None and len(form.telling) < _MOST_SHAPES:
                    form.telling[shape] = telling
        wanted = tuple(_called(question, interface))
        return _written(few_written(few, interface, wanted), question, interface)

    def write_answer(self, answer: Answer, question: Question, interface: Interface) -> bytes:
        """Return the outputs that the caller asked for, as far as the answer has them."""
        called = _called(question, interface)
        parts = {
            meaning: (shape_of(cells), cells if type(cells) is list else cells.ravel())
            for meaning, cells in written(answer, interface, tuple(called)).items()
        }
        return _written(parts, question, interface)

    def write_refusal(self, status: int, message: str) -> bytes:
        """Return an error object."""
        return write({"error": message})


def _called(question: Question, interface: Interface) -> dict[str, str]:
    """Return the outputs that the caller asked for, meaning -> name; none for all."""
    asked: Sequence[str] = question.details.get("outputs", ())
    if not asked:
        return {}
    names = names_of(interface)
    return {names[name]: name for name in reversed(asked)}


def _written(
    parts: Mapping[str, tuple[list[int], Any]], question: Question, interface: Interface
) -> bytes:
    """Return the bytes of an answer's parts, meaning -> shape and cells."""
    called = _called(question, interface)
    outputs = [
        {
            "name": called.get(meaning) or name_of(meaning, interface),
            "shape": shape,
            "datatype": kind_of(interface.classes) if meaning == "label" else "FP64",
            "data": cells,
        }
        for meaning, (shape, cells) in parts.items()
    ]
    body: dict[str, Any] = {"model_name": interface.model}
    if "id" in question.details:
        body["id"] = question.details["id"]
    body["outputs"] = outputs
    return write(body)


def _body(response: WireResponse) -> Any:
    """Return the parsed body of a reply; raises BadReply."""
    if _BINARY in response.headers:
        raise bad_reply("it has binary tensors")
    return reply_body(response)


def _found(body: Any, interface: Interface) -> dict[str, Any]:
    """Return the known outputs of a reply, by meaning; raises BadReply."""
    outputs = body.get("outputs") if type(body) is dict else None
    if type(outputs) is not list:
        raise bad_reply("it has no outputs")
    by_name = {
        each["name"]: each
        for each in outputs
        if type(each) is dict and type(each.get("name")) is str
    }
    if len(by_name) != len(outputs):
        raise bad_reply("an output has no name, or one has another's")
    return outputs_of(by_name, interface)


def _path(interface: Interface) -> str:
    version = "/versions/{version}" if interface.version else ""
    return model_path("/v2/models/{model}" + version + "/infer", interface)


def _outputs(found: Any, interface: Interface) -> tuple[str, ...]:
    names = names_of(interface)
    wanted = []
    for each in found if type(found) is list else [None]:
        each = each if type(each) is dict else {}
        name = each.get("name")
        if type(name) is not str or name not in names or name in wanted:
            raise BadQuestion(
                "outputs holds something that is no output of this model, or one twice.",
                way_out="Leave outputs out to get all that the model answers.",
            )
        only(each, ("name", "parameters"), where="An output")
        check_parameters(each)
        wanted.append(name)
    return tuple(wanted)
