from hypothesis import given, strategies as st

from reticent.textindex.fold import Fold, folded
from reticent.textindex.lookalikes import LOOKALIKES

fold = Fold()
SENTENCE = "The Quick, brown fox jumps 10 times!"


@given(st.text(), st.text())
def test_a_text_folds_as_its_parts_do(a, b):
    assert fold(a + b) == fold(a) + fold(b)


@given(st.lists(st.sampled_from(["plain words, ", "é", "\ud800\udc00", "“", "漢字", "𝐭"])))
def test_a_long_text_folds_as_its_characters_do(parts):
    text = "".join(parts) + "Тhе end. " * 250 + "".join(reversed(parts))
    assert fold(text) == b"".join(fold(character) for character in text)


@given(st.text())
def test_folding_leaves_no_separator(text):
    assert 0 not in fold(text)


@given(st.text(min_size=1), st.data())
def test_the_place_of_a_byte_is_the_character_that_it_comes_from(text, data):
    count = data.draw(st.integers(0, len(fold(text))))
    at = fold.place(text, count)
    assert len(fold(text[:at])) <= count
    assert at == len(text) or len(fold(text[: at + 1])) > count


def test_case_space_punctuation_and_marks_make_no_difference():
    for other in (
        SENTENCE.upper(),
        SENTENCE.replace(" ", "\n\t  "),
        "-".join(SENTENCE),
        "\u200b".join(SENTENCE),
        "\u0301".join(SENTENCE),
        "\u202e".join(SENTENCE),
        "\ud800".join(SENTENCE),
    ):
        assert fold(other) == fold(SENTENCE)


def test_what_looks_alike_folds_alike():
    assert fold("Тhе sаmе") == fold("the same")  # Cyrillic
    assert fold("ｔｈｅ") == fold("𝐭𝓱𝔢") == fold("ⓣⓗⓔ") == fold("the")
    assert fold("Il1") == b"lll"
    assert fold("O0о") == b"ooo"
    assert fold("ﬁve") == fold("five")


def test_digits_of_all_scripts_are_digits():
    assert fold("٣٤٥") == fold("३४५") == fold("345")


def test_capitals_of_other_scripts_fold_as_their_small_letters():
    for letters in ("абвгдежзийклмнопрстуфхцчшщъыьэюя", "αβγδεζηθικλμνξοπρστυφχψω"):
        assert fold(letters.upper()) == fold(letters)


def test_other_scripts_keep_their_letters():
    for text in ("漢字仮名", "בראשית", "العربية", "가나다"):
        assert len(set(fold(text))) >= 3
        assert all(byte >= 0x80 or chr(byte) == "l" for byte in fold(text))


def test_every_look_alike_is_one_character_and_a_letter_of_ours():
    for alike, letter in LOOKALIKES.items():
        assert len(alike) == 1
        assert letter.isascii()
        assert folded(alike) == folded(letter)
