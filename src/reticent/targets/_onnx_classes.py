"""Find the class values in an ONNX file: its outputs carry them only sometimes.

onnxruntime does not show a graph's attributes, and the `onnx` package is a compiler's worth of
code for one list. The wire format is simple enough to walk: every field is a key, then a varint,
8 bytes, a length and that many bytes, or 4 bytes (protobuf.dev, "Encoding").
"""

from collections.abc import Iterator

_GRAPH, _NODE, _ATTRIBUTE = 7, 1, 5  # ModelProto.graph, GraphProto.node, NodeProto.attribute
_NAME, _INTS, _STRINGS = 1, 8, 9  # in AttributeProto
_CLASS_LABELS = frozenset(
    {b"classlabels_ints", b"classlabels_int64s", b"classlabels_strings", b"classlabels_string"}
)


def class_lists(model: bytes) -> list[tuple[object, ...]]:
    """Return every list of class values in the graph's nodes, in their order.

    Raises: IndexError or UnicodeDecodeError if the bytes are no ONNX model.
    """
    found = []
    for number, graph in _fields(model):
        if number != _GRAPH or not isinstance(graph, bytes):
            continue
        for inner, node in _fields(graph):
            if inner != _NODE or not isinstance(node, bytes):
                continue
            for part, attribute in _fields(node):
                if part == _ATTRIBUTE and isinstance(attribute, bytes):
                    found.append(_values(attribute))
    return [values for values in found if values]


def _values(attribute: bytes) -> tuple[object, ...]:
    fields = list(_fields(attribute))
    if not any(number == _NAME and value in _CLASS_LABELS for number, value in fields):
        return ()
    values: list[object] = []
    for number, value in fields:
        if number == _STRINGS and isinstance(value, bytes):
            values.append(value.decode())
        elif number == _INTS and isinstance(value, bytes):  # packed
            at = 0
            while at < len(value):
                each, at = _varint(value, at)
                values.append(_signed(each))
        elif number == _INTS and isinstance(value, int):
            values.append(_signed(value))
    return tuple(values)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        else:
            size = 8 if kind == 1 else 4
        if at + size > len(message):
            raise IndexError("a field runs past its message")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
