"""Find the class values in an ONNX file: its outputs carry them only sometimes.

onnxruntime does not show a graph's attributes, and the `onnx` package is a compiler's worth of
code for one list. The wire format is simple enough to walk: every field is a key, then a varint,
8 bytes, a length and that many bytes, or 4 bytes (protobuf.dev, "Encoding").
"""

from collections.abc import Iterator

_GRAPH = 7  # in ModelProto
_NODE, _INITIALIZER = 1, 5  # in GraphProto
_INPUT, _OPERATOR, _ATTRIBUTE = 1, 4, 5  # in NodeProto
_NAME, _INTS, _STRINGS = 1, 8, 9  # in AttributeProto
_INT32S, _TEXTS, _INT64S, _TITLE = 5, 6, 7, 8  # in TensorProto
_CLASS_LABELS = frozenset(
    {b"classlabels_ints", b"classlabels_int64s", b"classlabels_strings", b"classlabels_string"}
)
_LOOK_UP = b"ArrayFeatureExtractor"  # picks class values by their index


def class_lists(model: bytes) -> list[tuple[object, ...]]:
    """Return every list that may be the class values, in the order of the graph's nodes.

    They are an attribute of the classifier (or of ZipMap), or a constant from which the label is
    looked up by its index.

    Raises: IndexError or UnicodeDecodeError if the bytes are no ONNX model.
    """
    found = []
    for graph in _messages(model, _GRAPH):
        constants = dict(map(_constant, _messages(graph, _INITIALIZER)))
        for node in _messages(graph, _NODE):
            found += [_attribute(inner) for inner in _messages(node, _ATTRIBUTE)]
            if _LOOK_UP in _messages(node, _OPERATOR):
                found += [constants.get(name, ()) for name in _messages(node, _INPUT)[:1]]
    return [values for values in found if values]


def _attribute(message: bytes) -> tuple[object, ...]:
    if not _CLASS_LABELS & set(_messages(message, _NAME)):
        return ()
    return _values(message, texts=_STRINGS, whole=(_INTS,))


def _constant(message: bytes) -> tuple[bytes, tuple[object, ...]]:
    title = (_messages(message, _TITLE) or [b""])[0]
    return title, _values(message, texts=_TEXTS, whole=(_INT32S, _INT64S))


def _values(message: bytes, *, texts: int, whole: tuple[int, ...]) -> tuple[object, ...]:
    values: list[object] = []
    for number, value in _fields(message):
        if number == texts and isinstance(value, bytes):
            values.append(value.decode())
        elif number in whole and isinstance(value, bytes):  # packed
            at = 0
            while at < len(value):
                each, at = _varint(value, at)
                values.append(_signed(each))
        elif number in whole and isinstance(value, int):
            values.append(_signed(value))
    return tuple(values)


def _messages(message: bytes, wanted: int) -> list[bytes]:
    return [
        value for number, value in _fields(message) if number == wanted and isinstance(value, bytes)
    ]


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
