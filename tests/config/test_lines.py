"""The scanner finds every key of a TOML text at its line: compared with tomllib and by hand."""

import tomllib
from contextlib import suppress
from itertools import count

import pytest
from config.tables import GOOD, spelled
from hypothesis import given, strategies as st

from reticent.config.lines import line_numbers, nearest
from reticent.config.write import rendered

TRICKY = '''\
# a comment with [brackets] and = signs
top = 1
"quoted key" = "a # no comment" # a comment
'literal.key' = 'c:\\path'
a.b."c d" = 2
long = """first
second = 3
[not.a.table]
\\""" still ""quoted"" """
other = \'\'\'
x = 4
\'\'\'
empty = ""
date = 1979-05-27T07:32:00Z
nested = [ # opens
  [1, 2],
  # between
  {k = 5, "l" = [6,
    7], m.n = 8},
  """x
""",
  9,
]

[table]   # header
in_table = 10
[ table . sub ]
deep = 11

[[many]]
n = 12
[many.child]
c = 13
[[many.grand]]
g = 14
[[many.grand]]
g = 15
[[many]]
n = 16
[[many.grand]]
g = 17
'''
WHERE = {
    ("top",): 2, ("quoted key",): 3, ("literal.key",): 4, ("a", "b", "c d"): 5, ("a", "b"): 5,
    ("long",): 6, ("other",): 10, ("empty",): 13, ("date",): 14, ("nested",): 15,
    ("nested", 0): 16, ("nested", 0, 1): 16, ("nested", 1): 18, ("nested", 1, "k"): 18,
    ("nested", 1, "l", 1): 19, ("nested", 1, "m", "n"): 19, ("nested", 2): 20, ("nested", 3): 22,
    ("table",): 25, ("table", "in_table"): 26, ("table", "sub"): 27, ("table", "sub", "deep"): 28,
    ("many",): 30, ("many", 0): 30, ("many", 0, "n"): 31, ("many", 0, "child"): 32,
    ("many", 0, "child", "c"): 33, ("many", 0, "grand", 0): 34, ("many", 0, "grand", 0, "g"): 35,
    ("many", 0, "grand", 1): 36, ("many", 0, "grand", 1, "g"): 37, ("many", 1): 38,
    ("many", 1, "n"): 39, ("many", 1, "grand", 0): 40, ("many", 1, "grand", 0, "g"): 41,
}  # fmt: skip


def paths(value, at=()):
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*at, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from paths(inner, (*at, i))


def leaves(value, at=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, (*at, i))
    else:
        yield at, value


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_by_hand(newline):
    found = line_numbers(TRICKY.replace("\n", newline))
    for path, line in WHERE.items():
        assert found[path] == line, path
    assert set(found) == set(paths(tomllib.loads(TRICKY)))


def test_the_example_used_by_the_other_tests():
    found = line_numbers(GOOD)
    assert set(found) == set(paths(tomllib.loads(GOOD)))
    text = GOOD.split("\n")
    for path, value in leaves(tomllib.loads(GOOD)):
        assert rendered(value) in text[found[path] - 1], path


keys = st.text(max_size=5) | st.sampled_from(["a", "b", "a b", "a.b", "#", "[", '"'])
scalars = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_every_key_is_found_and_no_other(doc):
    text = spelled(doc)
    assert tomllib.loads(text) == doc  # the writer tells the truth
    assert set(line_numbers(text)) == set(paths(doc))


@st.composite
def laid_out(draw):
    """Return a text whose numbers stand each on the line of its own value."""
    numbers = count(1)

    def value(depth):
        kind = draw(st.integers(0, 3 if depth < 3 else 1))
        if kind < 2:
            return str(next(numbers))
        if kind == 2:
            gap = draw(st.sampled_from([" ", "\n", "\n # [x]=1,\n", "\r\n\t"]))
            return f"[{gap}" + f",{gap}".join(value(depth + 1) for _ in range(3)) + f"{gap}]"
        return "{" + ", ".join(f'"k {i}" = {value(depth + 1)}' for i in range(2)) + "}"

    lines = []
    for i in range(draw(st.integers(1, 4))):
        lines.append(draw(st.sampled_from(["", "# note = 9", f"[t{i}]", "[[m]]", "[[m]]\n[m.s]"])))
        lines += [f"k{i}.j{j} = {value(0)}" for j in range(draw(st.integers(0, 3)))]
    return "\n".join(lines)


@given(laid_out())
def test_every_value_is_on_the_line_that_is_said(text):
    doc = tomllib.loads(text)
    found = line_numbers(text)
    rows = text.replace("\r\n", "\n").split("\n")
    for path, number in leaves(doc):
        assert str(number) in rows[found[path] - 1], path


def test_nearest_goes_outwards():
    lines = {("a",): 3, ("a", 0): 4}
    assert nearest(lines, ("a", 0, "b")) == 4
    assert nearest(lines, ("a", 1)) == 3
    assert nearest(lines, ("z",)) == 1
    assert nearest(lines, ()) == 1


@given(st.text(alphabet="[]{}=\"'\n#.,ab1 -\\", max_size=60))
def test_it_ends_on_any_text(text):
    with suppress(ValueError):  # a key that is no key
        line_numbers(text)
