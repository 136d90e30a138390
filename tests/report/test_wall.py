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
from reticent.report import render
from reticent.report.wall import OUTCOMES, walls

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
