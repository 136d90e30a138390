from pathlib import Path

import numpy as np
import pytest

from reticent.core import BadInput
from reticent.data.images import read_pictures

Image = pytest.importorskip("PIL.Image", reason="Pillow is the extra `images`")


def drawn(path: Path, shape: tuple[int, ...], value: int = 51) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, dtype=np.uint8)).save(path)
    return path


def folder(tmp_path: Path) -> Path:
    for name in ("ann", "bo"):
        for i in range(2):
            drawn(tmp_path / "faces" / name / f"{i}.png", (6, 5))
    return tmp_path / "faces"


def arrays(tmp_path: Path, **what: object) -> Path:
    path = tmp_path / "a.npz"
    np.savez(path, **what)
    return path


def test_a_folder_a_person(tmp_path):
    found = read_pictures(folder(tmp_path))
    assert found.x.shape == (4, 6, 5)
    assert np.allclose(found.x, 0.2)
    assert found.labels.tolist() == ["ann", "ann", "bo", "bo"]


def test_arrays_of_bytes_and_of_shares(tmp_path):
    whole = read_pictures(arrays(tmp_path, x=np.full((3, 4, 4), 51, np.uint8), y=[1, 2, 3]))
    assert np.allclose(whole.x, 0.2)
    signed = read_pictures(
        arrays(tmp_path, x=np.zeros((3, 4, 4, 3)), y=[1, 2, 3]), value_range=(-1, 1)
    )
    assert signed.x.shape == (3, 4, 4, 3)
    assert np.allclose(signed.x, 0.5)
    rows = read_pictures(arrays(tmp_path, x=np.ones((3, 12)), y=[1, 2, 3]), shape=(4, 3))
    assert rows.x.shape == (3, 4, 3)


def test_sizes_that_differ_are_named_or_brought_to_one(tmp_path):
    path = folder(tmp_path)
    drawn(path / "bo" / "9.png", (7, 5))
    with pytest.raises(BadInput, match=r"9\.png is 7 x 5 grey; 0\.png is 6 x 5 grey"):
        read_pictures(path)
    assert read_pictures(path, fit=True).x.shape == (5, 6, 5)


def test_grey_against_colour(tmp_path):
    path = folder(tmp_path)
    drawn(path / "bo" / "9.png", (6, 5, 3))
    with pytest.raises(BadInput, match=r"6 x 5 colour; .* 6 x 5 grey"):
        read_pictures(path)
    assert read_pictures(path, shape=(6, 5, 3), fit=True).x.shape == (5, 6, 5, 3)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"x": np.zeros((3, 3, 8, 8)), "y": [1, 2, 3]}, r"channels first.*transpose\(0, 2, 3, 1\)"),
        ({"x": np.full((3, 8, 8), 200.0), "y": [1, 2, 3]}, r"200.*data\.range = \[0, 255\]"),
        ({"x": np.full((3, 8, 8), -0.5), "y": [1, 2, 3]}, r"data\.range = \[-1, 1\]"),
        ({"x": np.full((3, 8, 8), np.nan), "y": [1, 2, 3]}, "192 values of x are no numbers"),
        ({"x": np.zeros((3, 8, 8)), "y": [1, 2]}, "3 pictures and y 2 labels"),
        ({"x": np.zeros((0, 8, 8)), "y": []}, "holds no pictures"),
        ({"x": np.zeros((3, 64)), "y": [1, 2, 3]}, r"need model\.shape"),
        ({"x": np.zeros((3, 8, 8)), "z": [1]}, "has no y"),
        ({"x": np.array(["a"]), "y": [1]}, "numbers, one picture a row"),
        ({"x": np.zeros((3, 8, 8)), "y": np.zeros((3, 2))}, "one label a picture"),
        ({"x": np.array([None]), "y": [1]}, "nothing is unpickled"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path, what, says):
    with pytest.raises(BadInput, match=says):
        read_pictures(arrays(tmp_path, **what))


def test_places_that_cannot_be_used(tmp_path):
    with pytest.raises(BadInput, match="neither a folder nor a file"):
        read_pictures(tmp_path / "nowhere")
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(BadInput, match=r"a folder or an \.npz"):
        read_pictures(tmp_path / "a.csv")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(BadInput, match="cannot be read as an array file"):
        read_pictures(tmp_path / "b.npz")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadInput, match="holds no folder of a class"):
        read_pictures(empty)
    drawn(empty / "1.png", (4, 4))
    with pytest.raises(BadInput, match="but 1 loose pictures"):
        read_pictures(empty)


def test_a_class_without_pictures_and_a_file_that_is_none(tmp_path):
    path = folder(tmp_path)
    (path / "cy").mkdir()
    with pytest.raises(BadInput, match=r"Class 'cy' in .* has no pictures"):
        read_pictures(path)
    (path / "cy" / "1.jpg").write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"1\.jpg cannot be read as a picture"):
        read_pictures(path)


def test_more_than_eight_bits_are_refused_rather_than_guessed(tmp_path):
    path = folder(tmp_path)
    Image.fromarray(np.full((6, 5), 4000, dtype=np.uint16)).save(path / "bo" / "9.png")
    with pytest.raises(BadInput, match="more than 8 bits"):
        read_pictures(path)
