"""Write a picture as PNG with the standard library alone."""

import struct
import zlib

import numpy as np

from reticent.core import Floats


def png(picture: Floats) -> bytes:
    """Return a PNG file of 8 bits a value.

    Args:
        picture: (height, width) grey or (height, width, 3), values in [0, 1]; what lies outside is
            clipped, and what is no number is black.
    """
    finite = np.where(np.isfinite(picture), picture, 0.0)
    pixels = np.round(np.clip(finite, 0.0, 1.0) * 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    filtered = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", head),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    checked = kind + body
    return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))
