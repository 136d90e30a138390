"""Cells as an audit measures them, made by hand."""

from reticent.audit.pieces import Measured, SingledOut
from reticent.audit.plan import Task
from reticent.audit.record import Cell, Control, Figure
from reticent.audit.show import figure_of
from reticent.core import Family, Seen
from reticent.stats.intervals import proportion


def task(attack="loss", family=Family.MEMBERSHIP, *, policy="open", hidden=(), declared=True):
    return Task(
        attack=attack,
        family=family,
        level="scores",
        policy=policy,
        seen=Seen.Y,
        hidden=hidden,
        declared=declared,
    )


def figure(lower, upper, *, null=0.5, metric="auc") -> Figure:
    return Figure(
        metric=metric,
        estimate=(lower + upper) / 2,
        lower=lower,
        upper=upper,
        confidence=0.95,
        method="by hand",
        null=null,
    )


def measured(of: Task, lower=0.4, upper=0.6, *, p_value=None, null=0.5, **fields) -> Measured:
    return Measured(
        cell=Cell(
            id=of.id,
            attack=of.attack,
            family=of.family.value,
            access=of.level,
            seen=of.seen.value,
            policy=of.policy,
            attribute="+".join(of.hidden) or None,
            declared=of.declared,
            primary=figure(lower, upper, null=null),
            p_value=p_value,
            tolerance=0.05,
            tier="E?",
            verdict="inconclusive",
            why="",
            queries=10,
        ),
        **fields,
    )


def singled(rows, *, hits=100, n=100, confirmed=True) -> SingledOut:
    return SingledOut(
        rows=list(rows),
        precision=figure_of(proportion(hits, n, metric="precision_second_half")),
        confirmed=confirmed,
        rule="a rule",
    )


def control(*, passed: bool, kind="negative") -> Control:
    return Control(name="c", kind=kind, what="w", figure=None, passed=passed, why="y")
