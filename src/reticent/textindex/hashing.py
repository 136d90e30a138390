"""Keyed hashes of blocks, and what is read off them.

Hashes are keyed multiply-and-mix: whoever cannot read the key cannot make texts that collide.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from reticent.textindex.compiling import inlined

U = np.uint64
M1, M2, M3 = U(0x9E3779B97F4A7C15), U(0xC2B2AE3D27D4EB4F), U(0xD6E8FEB86659FD93)
_LOW = U(0x0101010101010101)
_HIGH = U(0x8080808080808080)
ONE, NONE = U(1), U(0)


@intrinsic
def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Have the processor fetch array[index], and go on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        known = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]  # numba's own
            builder.module, kind, "llvm.prefetch.p0"
        )
        builder.call(known, [place, *(ir.Constant(number, v) for v in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = _prefetch  # numba gives the first argument


@inlined
def mix(lo: Any, hi: Any, k0: Any, k1: Any) -> Any:
    """Return the hash of a block."""
    h = (lo ^ k0) * M1
    h = (h ^ (h >> U(32)) ^ hi ^ k1) * M2
    return h ^ (h >> U(32))


@inlined
def bits(h: Any) -> Any:
    """Three bits of a 64-bit word: which ones, the low part of the hash says."""
    return (ONE << (h & U(63))) | (ONE << ((h >> U(6)) & U(63))) | (ONE << ((h >> U(12)) & U(63)))


@inlined
def scaled(h: Any, n: Any) -> Any:
    """Return a hash's place among n, by its upper half."""
    return np.int64(((h >> U(32)) * U(n)) >> U(32))


@inlined
def holds_zero(w: Any) -> Any:
    """Return whether one of eight bytes is zero."""
    return ((w - _LOW) & ~w & _HIGH) != NONE


@inlined
def tag_of(own: Any, following: Any) -> Any:
    """Four bits of a block's hash and four of the next one's, which the bucket does not use."""
    return np.uint8(((own >> U(24)) & U(15)) | (((following >> U(24)) & U(15)) << U(4)))
