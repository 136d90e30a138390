import json

import numpy as np
import orjson
import pytest
from hypothesis import example, given, strategies as st

from reticent.protocols import _json
from reticent.protocols._json import DEEPEST, NotJson, one_zero, read, write

TEXTS = st.text(alphabet='ab:,"\\[]{}é\u2028\U0001f600', max_size=4)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)


def _encode(draw, value) -> str:
    """Return JSON of a value in which objects are lists of pairs, keys as they come."""
    space = draw(st.sampled_from(["", " ", "\n"]))
    if isinstance(value, tuple):
        inside = f",{space}".join(
            f"{_text(draw, key)}{space}:{space}{_encode(draw, each)}" for key, each in value
        )
        return "{" + inside + "}"
    if isinstance(value, list):
        return "[" + f"{space},".join(_encode(draw, each) for each in value) + "]"
    return _text(draw, value) if isinstance(value, str) else json.dumps(value)


def _text(draw, text: str) -> str:
    if draw(st.booleans()):
        return json.dumps(text, ensure_ascii=False)
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) + '"'


@st.composite
def bodies(draw) -> bytes:
    keys = st.one_of(st.sampled_from(["a", "b", ":", "a:"]), TEXTS)
    values = st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(st.tuples(keys, inner), max_size=4).map(tuple),
        ),
        max_leaves=12,
    )
    text = _encode(draw, draw(values))
    return (text + " " * draw(st.sampled_from([0, 1, 2100]))).encode()


def _once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("twice")
    return dict(pairs)


@given(bodies())
@example(b'{"a":{"a":1},"a":2}')
@example(b'{"a":[{"b":1,"\\u0062":2}]}')
@example(b'{"a":":","a":1}')
@example(b'{"x":"\\\\","x":":"}')
@example(b'[{"a":1},{"a":1}]')
@example(b'{"a":{"b":1,"b":1}}')
def test_agrees_with_the_standard_library_on_keys_that_come_twice(body: bytes) -> None:
    try:
        wanted = json.loads(body, object_pairs_hook=_once)
    except ValueError:
        with pytest.raises(NotJson, match="twice"):
            read(body)
    else:
        assert read(body) == wanted


@given(st.binary(max_size=60))
@example(b"\xef\xbb\xbf1")
@example(b"NaN")
@example(b"[Infinity]")
@example(b"1e400")
@example(b'"\\ud800"')
@example(b"[1] 2")
@example(b"")
def test_garbage_is_json_or_refused(body: bytes) -> None:
    try:
        value = read(body)
    except NotJson:
        return
    assert json.loads(body, parse_int=_sixty_four_bits) == value


def _sixty_four_bits(digits: str) -> float:
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


@pytest.mark.parametrize(
    "body", [b"NaN", b"[-Infinity]", b"1e400", b'"\\udc00"', b'{"a":1}{', b"\xff", b"[1,]", b"'a'"]
)
def test_refuses_what_is_no_json(body: bytes) -> None:
    with pytest.raises(NotJson, match="no valid JSON"):
        read(body)


def test_depth_counts_containers_however_they_nest() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"]":', "}]")):
        levels = DEEPEST // (2 if opening.startswith("[{") else 1)
        fits = opening * levels + "1" + closing * levels
        read(fits.encode())
        with pytest.raises(NotJson, match="deep"):
            read((opening * (levels + 1) + "1" + closing * (levels + 1)).encode())


def test_depth_is_found_behind_many_shallow_rows() -> None:
    deep = b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1)
    rows = b",".join([b"[1]"] * 500)
    with pytest.raises(NotJson, match="deep"):
        read(b"[" + rows + b"," + deep + b"]")
    with pytest.raises(NotJson):
        read(b"[" * 5000 + b"]" * 5000)


def test_length_is_limited() -> None:
    assert read(b"[1,2]", most_bytes=5) == [1, 2]
    with pytest.raises(NotJson, match="longer than 4 bytes"):
        read(b"[1,2]", most_bytes=4)


def test_integers_are_exact_up_to_64_bits_and_floats_beyond() -> None:
    assert read(b"[18446744073709551615,-9223372036854775808]") == [2**64 - 1, -(2**63)]
    beyond = read(b"[18446744073709551616]")[0]
    assert (type(beyond), beyond) == (float, 2.0**64)


def test_a_long_row_of_numbers_is_never_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    class Counting(list):  # type: ignore[type-arg]  # holds anything
        def __iter__(self):  # type: ignore[no-untyped-def]  # as list's
            looked.append(len(self))
            return super().__iter__()

    numbers = Counting(range(1000))
    assert _json._accounts_for({"inputs": [{"name": "x", "data": numbers}]}, 3, 3)
    assert looked == []


def test_writes_shortest_floats_null_for_nan_and_one_zero() -> None:
    numbers = np.array([[np.nan, 0.1, 1e22], [5e-324, 1.0, -2.5]])
    assert write({"a": numbers}) == b'{"a":[[null,0.1,1e+22],[5e-324,1.0,-2.5]]}'
    assert write(one_zero({"a": [-0.0, (0.0, "-0.0")]})) == b'{"a":[0.0,[0.0,"-0.0"]]}'


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_floats_come_back_to_the_bit(numbers: list[float]) -> None:
    again = read(write(np.array(numbers)))
    assert [x.hex() for x in map(float, again)] == [x.hex() for x in numbers]


def test_matches_orjson_where_it_accepts() -> None:
    body = b'{"b":[1,2.5,null,true,"\\u003a"],"a":{"c":[]}}'
    assert read(body) == orjson.loads(body)
