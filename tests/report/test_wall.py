"""The wall of pictures: every picture with its judges, in all renderings, and nowhere else."""

import base64
from functools import cache

import pytest

from report import sample
from report.page import parse
from reticent.audit.record import (
    Effort,
    ImagesEntry,
    JudgeEntry,
    Pick,
    Picture,
    PictureOutcome,
    Record,
)
from reticent.report import render, words
from reticent.report.wall import OUTCOMES, overview, walls

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
KINDS: tuple[PictureOutcome, ...] = tuple(OUTCOMES)


@cache
def plain() -> Record:
    """Return a record without pictures, with two cells: a page of hundreds takes seconds."""
    record = sample.build()
    return record.model_copy(update={"cells": record.cells[:2], "chains": [], "people": []})


def pictured(*, name: str = "p-1", training: str | None = None) -> Record:
    record = plain()
    cell = record.cells[0]
    genuine = sample.figure("genuine_photos_recognised[lda]", 0.9)
    pictures = [
        Picture(
            cell=cell.id,
            person=f"{name}{i}",
            outcome=outcome,
            picks=[
                Pick(judge="lda", person=f"{name}{i}", place=1),
                Pick(judge="network", person="p-other", place=7),
                Pick(judge="dlib", person=None, place=3),
            ],
            agreed=None,
            confidence=0.5,
            png=None if outcome == "not made" else PNG,
            training_png=training,
        )
        for i, outcome in enumerate(KINDS)
    ]
    return record.model_copy(
        update={
            "images": ImagesEntry(
                shape=[112, 92],
                people=40,
                judges=[JudgeEntry(name="lda", how="lines", decides=True, genuine=genuine)],
                together=genuine,
                pictures=pictures,
                effort=[Effort(cell=cell.id, gradient_steps=120, queries=0)],
            )
        }
    )


def test_every_picture_stands_with_its_outcome_and_its_judges():
    page = parse(render(pictured(), "html"))
    tiles = page.find("li", class_="tile")
    assert len(tiles) == len(KINDS)
    for tile, outcome in zip(tiles, KINDS, strict=True):
        assert outcome in tile.text
        assert OUTCOMES[outcome][0] in tile.text
        assert "✓ lda" in tile.text
        assert "p-other (place 7)" in tile.text
        assert "nobody (place 3)" in tile.text
    assert len(page.find("img")) == len(KINDS) - 1
    assert all(image.attrs["alt"] for image in page.find("img"))
    assert "120 gradient steps" in page.by_id["pictures"].text


def test_marks_differ_by_more_than_colour():
    marks = [mark for mark, _ in OUTCOMES.values()]
    assert len(set(marks)) == len(marks)


def test_training_photos_are_shown_only_if_the_record_has_them():
    assert not parse(render(pictured(), "html")).find("img", class_="photo")
    shown = parse(render(pictured(training=PNG), "html")).find("img", class_="photo")
    assert len(shown) == len(KINDS)
    assert "in the dashed frame" not in parse(render(pictured(), "html")).by_id["pictures"].text
    assert (
        "in the dashed frame"
        in parse(render(pictured(training=PNG), "html")).by_id["pictures"].text
    )


def test_the_clearest_pictures_are_on_the_first_wall():
    record = several()
    worse, better = record.cells[1], record.cells[0]  # label alone, every field
    pictures = [
        Picture(
            cell=cell.id,
            person="p",
            outcome="not found",
            picks=[],
            agreed=None,
            confidence=0.1,
            png=PNG,
        )
        for cell in (worse, better)
    ]
    images = record.images.model_copy(update={"pictures": pictures})
    shown = walls(record.model_copy(update={"images": images}))
    assert [wall.cell.access for wall in shown] == ["together", "label"]


def test_pictures_are_let_in_only_where_there_are_some():
    def policy(record: Record) -> str:
        (meta,) = parse(render(record, "html")).find("meta", http_equiv="Content-Security-Policy")
        return str(meta.attrs["content"])

    assert "img-src data:;" in policy(pictured())
    assert "img-src" not in policy(plain())
    assert "pictures" not in parse(render(plain(), "html")).by_id


def test_markdown_has_the_line_ups_and_no_picture():
    text = render(pictured(), "md")
    assert "## Pictures" in text
    assert "1 verbatim, 1 individual, 1 class prototype, 1 not found, 1 not made" in text
    assert PNG not in text
    assert "## Pictures" not in render(plain(), "md")


@pytest.mark.parametrize("kind", ["sarif", "junit"])
def test_the_other_renderings_are_as_without_pictures(kind):
    record = pictured()
    assert render(record, kind) == render(record.model_copy(update={"images": None}), kind)


@pytest.mark.parametrize("name", sample.HOSTILE)
def test_no_name_breaks_out(name):
    page = parse(render(pictured(name=name), "html"))
    assert len(page.find("li", class_="tile")) == len(KINDS)
    assert not [s for s in page.find("script") if "alert" in s.text]


def test_an_audit_of_tables_has_no_wall():
    assert walls(plain()) == []


def seen_by(cell, *, access: str, policy: str, found: float, dlib: float, queries: int = 0):
    """Return a cell about pictures that two of three judges, and dlib, recognise so often."""
    figures = [sample.figure(f"line_up[{name}]", x) for name, x in (("lda", found), ("dlib", dlib))]
    return cell.model_copy(
        update={
            "id": f"{cell.attack}/{access}/{policy}/{queries}",
            "family": "reconstruction",
            "access": access,
            "policy": policy,
            "seen": "y",
            "primary": sample.figure("line_up_2of3", found),
            "figures": figures,
            "queries": queries,
            "gain": None,
            "curves": [],
        }
    )


def several() -> Record:
    record = pictured()
    cell, (first, second) = record.cells[0], [p.name for p in record.policies[:2]]
    judge = JudgeEntry(
        name="dlib", how="d", decides=True, genuine=sample.figure("genuine_photos[dlib]", 0.95)
    )
    return record.model_copy(
        update={
            "images": record.images.model_copy(update={"judges": [judge], "pictures": []}),
            "cells": [
                seen_by(cell, access="together", policy=first, found=0.9, dlib=0.8, queries=90),
                seen_by(cell, access="label", policy=first, found=0.6, dlib=0.2, queries=50),
                seen_by(cell, access="label", policy=first, found=0.6, dlib=0.2, queries=40),
                seen_by(cell, access="label", policy=first, found=0.5, dlib=0.5, queries=10),
                seen_by(cell, access="scores", policy=second, found=0.7, dlib=0.35, queries=60),
            ],
        }
    )


def test_the_best_attack_at_each_access_stands_first_with_what_it_cost():
    record = several()
    best = overview(record)
    assert [(b.cell.access, b.cell.queries) for b in best] == [
        ("label", 40),
        ("together", 90),
        ("scores", 60),
    ]
    assert best[1].field == "every field together"
    page = parse(render(record, "html")).by_id["pictures"].text
    assert "label alone" in page
    assert "label alone" in render(record, "md")


def test_a_good_judge_that_sees_the_people_in_fewer_than_half_is_heard():
    record = several()
    label, together, scores = overview(record)
    assert label.doubt.startswith("dlib, which recognises 95")
    assert (together.doubt, scores.doubt) == ("", "")  # half is not fewer than half
    page = parse(render(record, "html")).by_id["pictures"].text
    assert page.count("*") == 2  # in its row, and what it means
    poor = sample.figure("genuine_photos[dlib]", 0.5)
    judges = [record.images.judges[0].model_copy(update={"genuine": poor})]
    images = record.images.model_copy(update={"judges": judges})
    assert not overview(record.model_copy(update={"images": images}))[0].doubt


def test_the_gain_is_over_a_picture_of_nobody():
    record = several()
    gain = sample.figure("gain", 0.4)
    cells = [cell.model_copy(update={"gain": gain, "attribute": None}) for cell in record.cells]
    page = parse(render(record.model_copy(update={"cells": cells}), "html")).by_id["gain"].text
    assert "Gain over a picture of nobody" in page
    assert "class known" in page
    assert "imputation" not in page
    assert "Non-members" not in page


def test_who_holds_vectors_and_the_network_is_said():
    assert words.access("weights", "vectors") == words.access("copy")
    assert words.access("weights") != words.access("copy")
    assert "vector of one photo" in words.seen("vectors", "reconstruction")
    assert "texts" not in words.seen("vectors", "reconstruction")
