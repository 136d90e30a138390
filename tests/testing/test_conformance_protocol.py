"""A protocol that breaks a law is caught by that law's check."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from reticent.core import Answer
from reticent.protocols import BadQuestion, BadReply, Interface, Question, WireRequest, WireResponse
from reticent.protocols.mlflow import Mlflow
from reticent.testing import PROTOCOL_CHECKS, NotConforming, spoken

GOOD = Mlflow()


class Sound:
    """MLflow's protocol, to be broken in one place; on no shelf."""

    kind: ClassVar[str] = "mlflow"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    path = staticmethod(GOOD.path)
    read_question = staticmethod(GOOD.read_question)
    write_question = staticmethod(GOOD.write_question)
    read_answer = staticmethod(GOOD.read_answer)
    write_answer = staticmethod(GOOD.write_answer)
    write_refusal = staticmethod(GOOD.write_refusal)


def named(check: str) -> Callable[[Any], None]:
    return next(each for each in PROTOCOL_CHECKS if each.__name__ == check)


def held_to(protocol: Any, check: Callable[[Any], None]) -> None:
    for case in spoken(protocol):
        check(case)


def rounding(question: Question, interface: Interface) -> WireRequest:
    rows = question.rows
    if isinstance(rows, np.ndarray):
        question = replace(question, rows=np.round(rows, 3))
    return GOOD.write_question(question, interface)


def elsewhere(question: Question, interface: Interface) -> WireRequest:
    return replace(GOOD.write_question(question, interface), path="/other")


def lax(request: WireRequest, interface: Interface) -> Question:
    """Drop strange keys instead of refusing them; the last of two equal ones wins."""
    try:
        body = json.loads(request.body)
        known = {k: v for k, v in body.items() if k in ("inputs", "dataframe_split")}
    except (ValueError, AttributeError):
        raise BadQuestion("No JSON.") from None
    return GOOD.read_question(replace(request, body=json.dumps(known).encode()), interface)


def fragile(request: WireRequest, interface: Interface) -> Question:
    json.loads(request.body)["inputs"][0]
    return GOOD.read_question(request, interface)


def quoting(request: WireRequest, interface: Interface) -> Question:
    try:
        return GOOD.read_question(request, interface)
    except BadQuestion as error:
        raise BadQuestion(f"{error} {request.body!r}") from error


def any_type(request: WireRequest, interface: Interface) -> Question:
    return GOOD.read_question(replace(request, media_type="application/json"), interface)


def free(request: WireRequest, interface: Interface) -> Question:
    return replace(GOOD.read_question(request, interface), cost=1)


def any_status(response: WireResponse, question: Question, interface: Interface) -> Answer:
    return GOOD.read_answer(replace(response, status=200), question, interface)


def cut(response: WireResponse, question: Question, interface: Interface) -> Answer:
    """Take as many answers as come."""
    try:
        n = len(json.loads(response.body)["predictions"])
    except (ValueError, TypeError, KeyError):
        raise BadReply("No predictions.") from None
    return GOOD.read_answer(response, Question(rows=[[0.0]] * n, cost=n), interface)


def zeros(answer: Answer, question: Question, interface: Interface) -> bytes:
    if answer.scores is None:
        return GOOD.write_answer(answer, question, interface)
    return json.dumps({"predictions": np.nan_to_num(answer.scores).tolist()}).encode()


def signs(answer: Answer, question: Question, interface: Interface) -> bytes:
    if answer.scores is None:
        return GOOD.write_answer(answer, question, interface)
    rows = [[None if v != v else v for v in row] for row in answer.scores.tolist()]
    return json.dumps({"predictions": rows}).encode()


def chatty(status: int, message: str) -> bytes:
    return json.dumps({"message": message, "length": len(message)}).encode()


@pytest.mark.parametrize(
    ("check", "place", "fault"),
    [
        ("is_on_the_shelf_under_its_kind", "path", GOOD.path),
        ("brings_questions_back", "write_question", rounding),
        ("brings_questions_back", "write_question", elsewhere),
        ("brings_questions_back", "read_question", free),
        ("brings_answers_back", "write_answer", zeros),
        ("writes_equal_answers_alike", "write_answer", signs),
        ("refuses_what_it_does_not_know", "read_question", lax),
        ("refuses_what_it_does_not_know", "read_question", any_type),
        ("refuses_keys_that_come_twice", "read_question", lax),
        ("refuses_another_number_of_rows", "read_answer", cut),
        ("refuses_other_statuses", "read_answer", any_status),
        ("says_only_the_message_when_it_refuses", "write_refusal", chatty),
        ("never_quotes_a_question", "read_question", quoting),
    ],
)
def test_a_fault_is_caught(check: str, place: str, fault: Callable[..., Any]) -> None:
    broken = type("Broken", (Sound,), {place: staticmethod(fault)})()
    with pytest.raises(NotConforming):
        held_to(broken, named(check))


def test_what_escapes_from_garbage_is_seen() -> None:
    broken = type("Broken", (Sound,), {"read_question": staticmethod(fragile)})()
    case = next(c for c in spoken(Sound()) if not c.interface.columns)
    with pytest.raises((KeyError, ValueError, TypeError, IndexError)):
        named("survives_garbage")(replace(case, protocol=broken))


def test_what_a_server_adds_must_not_come_out() -> None:
    seen: list[bytes] = []

    def keep(response: WireResponse, question: Question, interface: Interface) -> Answer:
        seen.append(response.body)
        return GOOD.read_answer(response, question, interface)

    def leak(answer: Answer, question: Question, interface: Interface) -> bytes:
        return seen[-1] if seen else GOOD.write_answer(answer, question, interface)

    faults = {"read_answer": staticmethod(keep), "write_answer": staticmethod(leak)}
    broken = type("Broken", (Sound,), faults)()
    (case, *_) = spoken(Sound())
    with pytest.raises(NotConforming, match="passes on what it does not know"):
        named("drops_what_it_does_not_know")(replace(case, protocol=broken))


def test_a_task_that_cannot_be_carried_is_no_task() -> None:
    promising = type("Promising", (Sound,), {"tasks": ("text",)})()
    with pytest.raises(NotConforming, match="says that it carries text, and does not"):
        spoken(promising)


def test_the_sound_one_obeys_all_but_the_shelf() -> None:
    for case in spoken(Sound()):
        for check in PROTOCOL_CHECKS[1:]:
            check(case)
