"""Records to render: one like a real audit's, and the corners where a renderer goes wrong.

Everything is drawn from one seed, so that a rendering can be compared with itself.
"""

from typing import Any

import numpy as np

from reticent.audit.record import (
    Cell,
    Control,
    Curve,
    DataEntry,
    Figure,
    ModelEntry,
    NotRun,
    Person,
    PolicyEntry,
    Record,
    RunEntry,
    Tier,
    Verdict,
)

HOSTILE = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' </td></table>",
    "</script><img src=x onerror=alert(2)>",
    "pipe | and `tick` and [link](http://x.example) *bold* _em_ \\ # -",
    "Zoë Ångström — 名前 — الاسم — 👩‍⚕️",
    "]]> <!-- --> <![CDATA[ &amp; &#0; {{ 7*7 }} {% raw %}",
    "new\nline\r\ttab \x00 nul \x1b[31m red \u202e edispu nwod",
    "x" * 400,
)

POLICIES: dict[str, tuple[list[dict[str, Any]], float, float]] = {
    # name -> (defences, what is left of the leak, accuracy lost)
    "none": ([], 1.0, 0.0),
    "round-2": ([{"kind": "round", "digits": 2}], 0.72, 0.0),
    "label-only": ([{"kind": "hard_label"}], 0.25, 0.0),
    "keyed-noise": ([{"kind": "keyed_noise", "scale": 0.3}, {"kind": "top_k", "k": 1}], 0.0, 0.031),
}
MEMBERSHIP = {"loss": 0.6, "lira": 1.0, "rmia": 0.95, "quantile": 0.75, "boundary": 0.4}
ATTRIBUTE = {
    "map": 1.0,
    "map-confusion": 0.9,
    "csmia": 0.8,
    "lomia": 0.5,
    "tree-paths": 1.1,
    "imputation-plus": 0.1,
}


def figure(
    metric: str,
    estimate: float | None,
    half: float = 0.03,
    *,
    null: float | None = None,
    members: int = 500,
    non_members: int = 500,
    method: str = "clopper-pearson",
    formula: str = "",
    bounded: bool = True,
    **counts: float,
) -> Figure:
    """Return a figure whose interval is `half` to either side, within [0, 1] if bounded."""
    if estimate is None:
        return Figure(
            metric=metric, estimate=None, lower=None, upper=None, confidence=0.95, method=method
        )
    lower, upper = estimate - half, estimate + 1.1 * half
    if bounded:
        lower, upper = max(0.0, lower), min(1.0, upper)
    return Figure(
        metric=metric,
        estimate=estimate,
        lower=lower,
        upper=upper,
        confidence=0.95,
        method=method,
        null=null,
        n_members=members,
        n_non_members=non_members,
        counts=counts,
        formula=formula,
    )


def roc(strength: float, rng: np.random.Generator, points: int = 60) -> Curve:
    """Return a ROC curve with a band: TPR = FPR ** (1 - strength), a little ragged."""
    x = np.concatenate([[0.0], np.geomspace(1e-3, 1.0, points)])
    y = np.maximum.accumulate(
        np.clip(x ** (1 - 0.7 * strength) * np.exp(rng.normal(0, 0.04, x.size)), 0, 1)
    )
    y[-1] = 1.0
    half = 1.96 * np.sqrt(np.maximum(y * (1 - y), 1e-4) / 500)
    return Curve(
        name="roc",
        x=x.tolist(),
        y=y.tolist(),
        lower=np.maximum(y - half, 0).tolist(),
        upper=np.minimum(y + half, 1).tolist(),
    )


def successes(strength: float, chance: float) -> Curve:
    """Return a curve of success against queries, saturating after some hundreds."""
    x = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], dtype=float)
    y = chance + (1 - chance) * strength * (1 - np.exp(-x / 80))
    return Curve(
        name="success_against_queries",
        x=x.tolist(),
        y=y.tolist(),
        lower=np.maximum(y - 0.04, 0).tolist(),
        upper=np.minimum(y + 0.04, 1).tolist(),
    )


def accesses(policy: str) -> tuple[str, ...]:
    """Return the channels that are worth an attack under a policy."""
    return ("label",) if policy == "label-only" else ("scores", "label")


def membership_cell(
    attack: str, access: str, policy: str, left: float, rng: np.random.Generator
) -> Cell:
    """Return one membership cell; the leak is what attack, access and policy leave of it."""
    strength = 0.8 * MEMBERSHIP[attack] * left * (1.0 if access == "scores" else 0.45)
    tpr = min(1.0, 0.01 ** (1 - 0.7 * strength))
    hits = round(500 * tpr)
    primary = figure(
        "tpr_at_fpr_0.01",
        hits / 500,
        1.96 * float(np.sqrt(max(tpr * (1 - tpr), 1e-5) / 500)),
        null=0.01,
        formula="true positives / members at the highest threshold with at most 1 % false ones",
        true_positives=hits,
        members=500,
    )
    tier, verdict, why = _verdict(primary, strong=0.1)
    return Cell(
        id=f"membership/{attack}/{access}/y/{policy}/-/all",
        attack=attack,
        family="membership",
        access=access,
        seen="y",
        policy=policy,
        declared=attack in {"lira", "loss"},
        primary=primary,
        figures=[
            figure("auc", 0.5 + 0.4 * strength, 0.02, null=0.5, method="delong"),
            figure("tpr_at_fpr_0.001", tpr / 6, 0.01, null=0.001),
            figure("epsilon_lower", 2.4 * strength, 0.4, null=0.0, bounded=False),
        ],
        curves=[roc(strength, rng)],
        p_value=float(rng.uniform(0, 0.001) if verdict == "finding" else rng.uniform(0.05, 1)),
        p_adjusted=0.004 if verdict == "finding" else 0.61,
        minimum_detectable_effect=0.021,
        tolerance=0.05,
        tier=tier,
        verdict=verdict,
        why=why,
        queries=1000 if access == "scores" else 50_000,
        settings={"references": 8, "variance": "fixed"},
        notes={"signal": "logit-scaled loss"},
        source="https://arxiv.org/abs/2112.03570",
    )


def attribute_cell(
    attack: str,
    access: str,
    seen: str,
    policy: str,
    attribute: str,
    left: float,
    rng: np.random.Generator,
) -> Cell:
    """Return one attribute cell."""
    boost = {"nothing": 0.3, "y": 0.6, "label": 0.8, "scores": 1.0}[seen]
    gain = 0.16 * ATTRIBUTE[attack] * left * boost * (1.0 if attribute == "affairs" else 0.3)
    gain += float(rng.normal(0, 0.004))
    imputed = 0.68 if attribute == "affairs" else 0.44
    primary = figure(
        "gain",
        gain,
        0.028,
        null=0.0,
        method="paired bootstrap by person",
        formula="accuracy of the attack - max(prior, imputation), on members",
        bounded=False,
        attack_right=round(500 * (imputed + gain)),
        imputation_right=round(500 * imputed),
        people=500,
    )
    tier, verdict, why = _verdict(primary, strong=0.12)
    population = 0.6 * gain
    return Cell(
        id=f"attribute/{attack}/{access}/{seen}/{policy}/{attribute}/all",
        attack=attack,
        family="attribute",
        access=access,
        seen=seen,
        policy=policy,
        attribute=attribute,
        declared=attack == "map",
        primary=primary,
        gain=primary,
        baseline=figure("imputation_accuracy", imputed, 0.04, non_members=0),
        training_leak=figure("training_leak", gain - population, 0.03, null=0.0, bounded=False),
        population_inference=figure(
            "population_inference", population, 0.03, null=0.0, bounded=False, members=0
        ),
        figures=[figure("accuracy", imputed + gain, 0.03, non_members=0)],
        curves=[successes(0.5 * boost * left, imputed)] if attack == "map" else [],
        p_value=0.0004 if verdict == "finding" else 0.4,
        p_adjusted=0.002 if verdict == "finding" else 0.7,
        minimum_detectable_effect=0.04,
        tolerance=0.05,
        tier=tier,
        verdict=verdict,
        why=why,
        harm="high" if attribute == "affairs" else "moderate",
        queries=2500,
        settings={"prior": "auxiliary"},
        source="https://doi.org/10.1145/2810103.2813677",
    )


def _verdict(primary: Figure, strong: float) -> tuple[Tier, Verdict, str]:
    null = primary.null or 0.0
    if primary.estimate is None or primary.lower is None or primary.upper is None:
        return "E?", "inconclusive", "There was nothing to measure."
    if primary.lower > null and primary.estimate > null + strong:
        return "E2", "finding", "Two people were confirmed on the second split."
    if primary.lower > null:
        return "E1", "finding", "The lower end lies above what no leakage would give."
    if primary.upper > null + 0.05:
        return "E?", "inconclusive", "An effect as large as the tolerance could have been missed."
    return "E0", "nothing found", "Effects above the tolerance would have been seen."


def build(seed: int = 7) -> Record:
    """Return a record like that of a real audit: 4 policies, 11 attacks, 3 kinds of access."""
    rng = np.random.default_rng(seed)
    cells: list[Cell] = []
    for policy, (_, left, _) in POLICIES.items():
        for access in accesses(policy):
            cells += [membership_cell(a, access, policy, left, rng) for a in MEMBERSHIP]
            for seen in ("y", "label", "scores"):
                if seen == "scores" and access == "label":
                    continue
                for attribute in ("affairs", "religious"):
                    cells += [
                        attribute_cell(a, access, seen, policy, attribute, left, rng)
                        for a in ATTRIBUTE
                    ]
    cells.append(_weights_cell(rng))
    cells.append(_unmeasured_cell())
    return _record(cells, seed=seed)


def _weights_cell(rng: np.random.Generator) -> Cell:
    first = attribute_cell("tree-paths", "scores", "y", "none", "affairs", 1.2, rng)
    return first.model_copy(
        update={"id": "attribute/tree-paths/weights/y/none/affairs/all", "access": "weights"}
    )


def _unmeasured_cell() -> Cell:
    return Cell(
        id="record/refine/scores/y/none/-/under-25",
        attack="refine",
        family="record",
        access="scores",
        seen="y",
        policy="none",
        subgroup="under-25",
        declared=False,
        primary=figure("exact_matches", None),
        tolerance=0.05,
        tier="E?",
        verdict="inconclusive",
        why="No start converged within the query budget.",
        queries=10_000,
    )


def _record(cells: list[Cell], *, seed: int = 7, **changes: Any) -> Record:
    found = [c for c in cells if c.verdict == "finding"]
    inconclusive = [c for c in cells if c.verdict == "inconclusive"]
    fields: dict[str, Any] = {
        "digest": "ab" * 32,
        "config_digest": "cd" * 32,
        "config_path": "examples/fair/reticent.toml",
        "seed": seed,
        "confidence": 0.95,
        "tolerance": 0.05,
        "model": ModelEntry(
            name="fair-forest",
            owner="Risk models <risk@example.org>",
            kind="sklearn.ensemble.RandomForestClassifier",
            task="classification",
            digest="ef" * 32,
            classes=["0", "1"],
            train_score=0.991,
            test_score=0.724,
        ),
        "data": DataEntry(
            digest="12" * 32,
            n_members=500,
            n_non_members=500,
            n_auxiliary=1500,
            columns=["age", "yrs_married", "religious", "affairs", "rate_marriage"],
            sensitive={"affairs": "high", "religious": "moderate"},
            target="rate_marriage",
            warnings=["3 non-members equal a member in every column; they were taken out."],
        ),
        "policies": [_policy(name, *what) for name, what in POLICIES.items()],
        "cells": cells,
        "controls": _controls(),
        "not_run": [
            NotRun(what="quantile/scores/label-only", why="SCORES is shut.", kind="not exposed"),
            NotRun(what="rmia/label", why="Budget of 10,000 rows spent.", kind="budget"),
            NotRun(what="knn-artefacts", why="Not in `attacks`.", kind="not chosen"),
            NotRun(what="lira-online", why="No reference models.", kind="not enough knowledge"),
        ],
        "people": [
            Person(
                pseudonym=f"person-{i:04x}",
                cell=found[0].id,
                selected_score=round(9.3 - i, 2),
                confirmed=i % 3 != 2,
                detail="affairs guessed right on both splits",
            )
            for i in range(8)
            if found
        ],
        "chains": [
            {
                "name": "membership, then attribute",
                "steps": ["membership/lira/scores/y/none/-/all", "attribute/map/scores"],
                "conditional_success": figure("conditional_success", 0.83, 0.06).model_dump(),
                "unconditional_success": figure("success", 0.71, 0.04).model_dump(),
                "people": 212,
            }
        ],
        "tier": "E2" if found else ("E?" if inconclusive or not cells else "E0"),
        "verdict": "finding"
        if found
        else ("inconclusive" if inconclusive or not cells else "nothing found"),
        "exit_code": 1 if found else (2 if inconclusive or not cells else 0),
        "statement": (
            "In run abababab, 11 attacks at access scores, label and weights on 1,000 people: the "
            "strongest attribute attack gained 0.19 [0.16, 0.22] over imputation; effects below "
            "0.04 would have been missed. Evidence for a human's assessment."
        ),
        "run": RunEntry(
            started_at="2026-03-02T09:14:03+00:00",
            finished_at="2026-03-02T09:16:41+00:00",
            complete=True,
            reticent_version="0.1.0",
            python_version="3.12.4",
            cpu_s=212.4,
            wall_s=158.0,
            cpu_s_by_cell={c.id: 0.9 + 0.01 * i for i, c in enumerate(cells)},
            reused=3,
        ),
    }
    return Record(**(fields | changes))


def _policy(name: str, defences: list[dict[str, Any]], left: float, lost: float) -> PolicyEntry:
    return PolicyEntry(
        name=name,
        digest=f"{len(name):02x}" * 32,
        defences=defences,
        utility=[
            figure("accuracy_before", 0.724, 0.03, members=0, non_members=1000),
            figure("accuracy_after", 0.724 - lost, 0.03, members=0, non_members=1000),
        ],
    )


def _controls() -> list[Control]:
    return [
        Control(
            name="planted overfit model",
            kind="positive",
            what="A model trained to memorise 100 rows; every membership attack must see it.",
            figure=figure("auc", 0.97, 0.02, null=0.5),
            passed=True,
            why="The lower end lies above 0.9.",
        ),
        Control(
            name="shuffled membership",
            kind="negative",
            what="Members and non-members dealt at random; nothing may be found.",
            figure=figure("auc", 0.51, 0.03, null=0.5),
            passed=True,
            why="The interval covers 0.5.",
        ),
        Control(
            name="blind classifier",
            kind="negative",
            what="Members against non-members without the model.",
            figure=figure("auc", 0.49, 0.03, null=0.5),
            passed=True,
            why="The interval covers 0.5.",
        ),
    ]


def invalid() -> Record:
    """Return a record in which a control failed."""
    record = build()
    broken = record.controls[1].model_copy(
        update={
            "figure": figure("auc", 0.71, 0.03, null=0.5),
            "passed": False,
            "why": "The interval lies above 0.5: the two groups differ without the model.",
        }
    )
    return record.model_copy(
        update={
            "controls": [record.controls[0], broken, record.controls[2]],
            "verdict": "invalid",
            "exit_code": 3,
        }
    )


def inconclusive() -> Record:
    """Return a record in which nothing was found, nor could have been."""
    return _record([_unmeasured_cell()])


def quiet() -> Record:
    """Return a record in which nothing was found at the stated power."""
    rng = np.random.default_rng(3)
    cells = [
        c
        for c in [membership_cell(a, "label", "keyed-noise", 0.0, rng) for a in MEMBERSHIP]
        if c.verdict == "nothing found"
    ]
    return _record(cells)


def empty() -> Record:
    """Return a record without a single cell, control or policy."""
    return _record([], controls=[], policies=[], not_run=[], chains=[], people=[])


def large(n: int = 400) -> Record:
    """Return a record of `n` cells."""
    rng = np.random.default_rng(11)
    cells = [
        attribute_cell(
            "map", "scores", "y", list(POLICIES)[i % 4], "affairs", rng.uniform(), rng
        ).model_copy(update={"id": f"attribute/map/{i}", "subgroup": f"group-{i // 4:03d}"})
        for i in range(n)
    ]
    return _record(cells)


def named(name: str) -> Record:
    """Return a small record in which every name, note and sentence is `name`."""
    rng = np.random.default_rng(5)
    member = membership_cell("lira", "scores", "none", 1.0, rng)
    attribute = attribute_cell("map", "scores", "y", "none", "affairs", 1.0, rng)
    lost = _unmeasured_cell()
    words: dict[str, Any] = {
        "attack": name,
        "access": name,
        "policy": name,
        "attribute": name,
        "subgroup": name,
        "why": name,
        "harm": name,
        "source": name,
        "settings": {name: name, "nested": {name: [name]}},
        "notes": {name: name},
    }
    cells = [
        c.model_copy(update=words | {"id": f"{c.family}/{name}"}) for c in (member, attribute, lost)
    ]
    cells[0] = cells[0].model_copy(
        update={"primary": cells[0].primary.model_copy(update={"metric": name, "method": name})}
    )
    record = _record(cells)
    return record.model_copy(
        update={
            "config_path": name or None,
            "model": record.model.model_copy(
                update={"name": name, "owner": name, "kind": name, "classes": [name]}
            ),
            "data": record.data.model_copy(
                update={"columns": [name], "sensitive": {name: name}, "warnings": [name]}
            ),
            "policies": [
                PolicyEntry(name=name, digest=name, defences=[{"kind": name, name: name}])
            ],
            "controls": [
                Control(name=name, kind="positive", what=name, figure=None, passed=True, why=name)
            ],
            "not_run": [NotRun(what=name, why=name, kind="failed")],
            "people": [
                Person(
                    pseudonym=name,
                    cell=cells[0].id,
                    selected_score=None,
                    confirmed=True,
                    detail=name,
                )
            ],
            "chains": [{name: name, "steps": [name]}],
            "statement": name,
        }
    )
