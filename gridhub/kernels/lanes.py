"""Lanes: values of several scenarios in one machine vector, as numbers that a compiled kernel can hold.

A kernel is written once for any width. It takes a token, ``lanes``, a tuple of as many zeros as there are
lanes (`make_lanes`), whose length is part of its type: so each width is compiled, and cached, on its own.
Vectors live in registers only. In memory, lane b of item i stands at ``array[i * width + b]``.

All operations work lane by lane and never mix lanes: a NaN stays where it is. This module alone rests on
numba's interface for new types; everything it makes possible can also be done one scenario at a time
(`gridhub.solvers.loop`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model
from numpy.typing import NDArray

Lanes = tuple[int, ...]
"""As many zeros as there are lanes."""

_INT32 = ir.IntType(32)


def _operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register an operation that generates its own code; its callers leave out the first parameter."""
    return cast(Callable[..., Any], intrinsic(function))


class VectorType(types.Type):
    """Vector of `count` floating-point numbers of `bits` bits."""

    def __init__(self, bits: int, count: int) -> None:
        self.bits, self.count = bits, count
        super().__init__(name=f"lanes{count}xf{bits}")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: VectorType) -> None:
        element = ir.DoubleType() if kind.bits == 64 else ir.FloatType()
        super().__init__(manager, kind, ir.VectorType(element, kind.count))  # type: ignore[no-untyped-call]


def make_lanes(width: int) -> Lanes:
    """Make the token of a width."""
    return (0,) * width


def allocate(size: int, dtype: type[np.float64] | type[np.float32]) -> NDArray[Any]:
    """Allocate zeros that begin on a cache line."""
    raw = np.zeros(size * np.dtype(dtype).itemsize + 64, np.uint8)
    offset = -raw.ctypes.data % 64
    return raw[offset : offset + size * np.dtype(dtype).itemsize].view(dtype)


def _like(array: Any, lanes: Any) -> VectorType:
    return VectorType(64 if array.dtype == types.float64 else 32, lanes.count)


def _point(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    data = context.make_array(kind)(context, builder, value=array).data
    return builder.gep(data, [offset])


def _spread(builder: Any, kind: Any, number: Any) -> Any:
    empty = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(
        first, empty, ir.Constant(ir.VectorType(_INT32, kind.count), [0] * kind.count)
    )


def _call(builder: Any, name: str, kind: Any, arguments: list[Any]) -> Any:
    element = "f64" if kind.element == ir.DoubleType() else "f32"
    signature = ir.FunctionType(kind, [kind] * len(arguments))
    full = f"llvm.{name}.v{kind.count}{element}"
    function = cgutils.get_or_insert_function(builder.module, signature, full)  # type: ignore[no-untyped-call]
    return builder.call(function, arguments)


@_operation
def get(typing: Any, array: Any, index: Any) -> Any:
    """array[index] as int64, with no test for negative indices."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(_point(context, builder, signature.args[0], args[0], args[1]))
        return builder.sext(value, ir.IntType(64)) if value.type.width < 64 else value

    return types.int64(array, types.int64), generate


@_operation
def load(typing: Any, array: Any, offset: Any, lanes: Any) -> Any:
    """Load as many neighbouring numbers as there are lanes."""
    vector = _like(array, lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        point = _point(context, builder, signature.args[0], args[0], args[1])
        kind = context.get_value_type(vector)
        return builder.load(builder.bitcast(point, kind.as_pointer()), align=vector.bits // 8)

    return vector(array, types.int64, lanes), generate


@_operation
def store(typing: Any, array: Any, offset: Any, value: Any) -> Any:
    """Store a vector into neighbouring places."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        point = _point(context, builder, signature.args[0], args[0], args[1])
        kind = context.get_value_type(signature.args[2])
        builder.store(args[2], builder.bitcast(point, kind.as_pointer()), align=signature.args[2].bits // 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, value), generate


@_operation
def spread(typing: Any, number: Any, lanes: Any) -> Any:
    """Repeat one number in every lane."""
    vector = VectorType(64 if number == types.float64 else 32, lanes.count)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _spread(builder, context.get_value_type(vector), args[0])

    return vector(number, lanes), generate


@_operation
def load_one(typing: Any, array: Any, offset: Any, lanes: Any) -> Any:
    """Load one number and repeat it in every lane."""
    vector = _like(array, lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = builder.load(_point(context, builder, signature.args[0], args[0], args[1]))
        return _spread(builder, context.get_value_type(vector), number)

    return vector(array, types.int64, lanes), generate


def _fused(name: str, text: str, negate: bool) -> Callable[..., Any]:
    def function(typing: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = context.get_value_type(signature.return_type)
            first = builder.fneg(args[0]) if negate else args[0]
            return _call(builder, "fma", kind, [first, args[1], args[2]])

        return a(a, b, c), generate

    function.__name__, function.__doc__ = name, text
    return _operation(function)


def _binary(name: str, text: str) -> Callable[..., Any]:
    def function(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, name)(args[0], args[1])

        return a(a, b), generate

    function.__name__, function.__doc__ = name, text
    return _operation(function)


def _chosen(comparison: str, text: str) -> Callable[..., Any]:
    def function(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(comparison, args[0], args[1]), args[0], args[1])

        return a(a, b), generate

    function.__doc__ = text
    return _operation(function)


def _unary(make: Callable[[Any, Any, Any], Any], text: str) -> Callable[..., Any]:
    def function(typing: Any, a: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return make(builder, context.get_value_type(signature.return_type), args[0])

        return a(a), generate

    function.__doc__ = text
    return _operation(function)


fma = _fused("fma", "a b + c, rounded once.", negate=False)
nfma = _fused("nfma", "c - a b, rounded once.", negate=True)
add = _binary("fadd", "a + b.")
sub = _binary("fsub", "a - b.")
mul = _binary("fmul", "a b.")
larger = _chosen(">", "a where a > b, else b: a NaN in a is dropped, one in b is passed on.")
smaller = _chosen("<", "a where a < b, else b.")
magnitude = _unary(lambda builder, kind, a: _call(builder, "fabs", kind, [a]), "|a|.")


@_operation
def any_above(typing: Any, a: Any, b: Any) -> Any:
    """Whether a > b in any lane; a NaN is not above."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = ir.IntType(signature.args[0].count)
        above = builder.bitcast(builder.fcmp_ordered(">", args[0], args[1]), bits)
        return builder.icmp_unsigned("!=", above, bits(0))

    return types.boolean(a, b), generate


@_operation
def choose(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """Lane by lane a where the mask is above zero, else b."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * args[0].type.count)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], args[2])

    return a(mask, a, b), generate


@_operation
def choose_above(typing: Any, a: Any, b: Any, above: Any, other: Any) -> Any:
    """Lane by lane `above` where a > b, else `other`; a NaN is not above."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return above(a, b, above, other), generate


@_operation
def narrow(typing: Any, a: Any) -> Any:
    """Round to single precision."""
    vector = VectorType(32, a.count)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fptrunc(args[0], context.get_value_type(vector))

    return vector(a), generate


@_operation
def widen(typing: Any, a: Any) -> Any:
    """Bring to double precision."""
    vector = VectorType(64, a.count)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fpext(args[0], context.get_value_type(vector))

    return vector(a), generate


@_operation
def total(typing: Any, a: Any) -> Any:
    """Sum over the lanes, for vectors whose lanes are terms of one scenario."""
    number = types.float64 if a.bits == 64 else types.float32

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        result = builder.extract_element(args[0], ir.Constant(_INT32, 0))
        for lane in range(1, kind.count):
            result = builder.fadd(result, builder.extract_element(args[0], ir.Constant(_INT32, lane)))
        return result

    return number(a), generate
