"""Vectors of `LANES` float32 or int32 numbers as numba types, so that kernels say what the processor shall do.

LLVM does not vectorize loops over lanes once several arrays might overlap, hence explicit vectors. A machine without
registers this wide gets several narrower instructions for each. Inside a kernel:

- `load(array, row)`, `store(array, row, vector)` on C-contiguous (rows, LANES) arrays;
- `splat(number)`, `isplat(number)`: a float or an int in every lane;
- floats: `+ - * /`, `fma(a, b, c)` = a·b + c rounded once, `least`, `most`, `magnitude`;
- masks: `less(a, b)`, `same(a, b)` (of int vectors), `select(mask, a, b)`;
- bit patterns: `as_ints`, `as_floats`, `truncate` (to int), `convert` (to float), `^ | & + -`, `<< >>` by a constant.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.caching import FunctionCache
from numba.extending import intrinsic, models, overload, register_model

from semrobust.phy.compiled import compiled
from semrobust.pipeline import code

LANES = 16
"""Numbers side by side: one AVX-512 register, two of AVX2, four of SSE or NEON."""


class _Cache(FunctionCache):  # type: ignore[misc]
    """numba's cache on disk knows the kernel's own file only; this one also knows every module inlined into it."""

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return *super()._index_key(signature, codegen), code.digest((self._py_func.__module__,))


def kernel(function: Callable[..., None]) -> Any:
    """Compile a kernel that works on the arrays it is given and releases Python's lock.

    No reference counts: on arrays that outlive the call they would cost a tenth of an iteration.
    """
    return compiled(_Cache, nogil=True, error_model="numpy", _nrt=False)(function)


inline = compiled(None, inline="always", error_model="numpy")
"""Decorator of what kernels are made of."""


class Vector(types.Type):  # type: ignore[misc]
    """numba type of a vector of LLVM elements."""

    def __init__(self, name: str, element: ir.Type) -> None:
        super().__init__(name=f"{name}x{LANES}")
        self.llvm = ir.VectorType(element, LANES)


FLOATS = Vector("float32", ir.FloatType())
INTS = Vector("int32", ir.IntType(32))
MASK = Vector("bool", ir.IntType(1))

Build = Callable[..., Any]
"""(LLVM builder, values...) -> value: the instruction that an intrinsic stands for."""


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, kind.llvm)


def _typed(result: types.Type, expected: tuple[types.Type, ...], given: tuple[types.Type, ...], build: Build) -> Any:
    """What an intrinsic returns to numba; None if the types do not fit."""
    if given != expected:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return build(builder, *values)

    return result(*given), generate


def _unary(result: types.Type, x: types.Type, build: Build) -> Any:
    @intrinsic
    def instruction(context: Any, a: Any) -> Any:
        return _typed(result, (x,), (a,), build)

    return instruction


def _binary(result: types.Type, x: types.Type, y: types.Type, build: Build) -> Any:
    @intrinsic
    def instruction(context: Any, a: Any, b: Any) -> Any:
        return _typed(result, (x, y), (a, b), build)

    return instruction


def _ternary(result: types.Type, x: types.Type, y: types.Type, z: types.Type, build: Build) -> Any:
    @intrinsic
    def instruction(context: Any, a: Any, b: Any, c: Any) -> Any:
        return _typed(result, (x, y, z), (a, b, c), build)

    return instruction


def _library(name: str, values: int) -> Build:
    """Code that calls LLVM's own function of float vectors."""
    kind = ir.FunctionType(FLOATS.llvm, [FLOATS.llvm] * values)

    def build(builder: Any, *given: Any) -> Any:
        full = f"{name}.v{LANES}f32"
        function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
        return builder.call(function, given)

    return build


def _splat(vector: Vector) -> Build:
    def build(builder: Any, value: Any) -> Any:
        undefined = ir.Constant(vector.llvm, ir.Undefined)
        first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, zeros)

    return build


def _choose(predicate: str) -> Build:
    """a if (a predicate b) else b: what the processor's min and max do, and like them it passes b on if a is NaN."""

    def build(builder: Any, a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered(predicate, a, b), a, b)

    return build


splat = _unary(FLOATS, types.float32, _splat(FLOATS))
isplat = _unary(INTS, types.int32, _splat(INTS))
magnitude = _unary(FLOATS, FLOATS, _library("llvm.fabs", 1))
fma = _ternary(FLOATS, FLOATS, FLOATS, FLOATS, _library("llvm.fma", 3))
least = _binary(FLOATS, FLOATS, FLOATS, _choose("<"))
most = _binary(FLOATS, FLOATS, FLOATS, _choose(">"))
less = _binary(MASK, FLOATS, FLOATS, lambda builder, a, b: builder.fcmp_ordered("<", a, b))
same = _binary(MASK, INTS, INTS, lambda builder, a, b: builder.icmp_signed("==", a, b))
as_ints = _unary(INTS, FLOATS, lambda builder, a: builder.bitcast(a, INTS.llvm))
as_floats = _unary(FLOATS, INTS, lambda builder, a: builder.bitcast(a, FLOATS.llvm))
truncate = _unary(INTS, FLOATS, lambda builder, a: builder.fptosi(a, INTS.llvm))
convert = _unary(FLOATS, INTS, lambda builder, a: builder.sitofp(a, FLOATS.llvm))
_select_floats = _ternary(FLOATS, MASK, FLOATS, FLOATS, lambda builder, m, a, b: builder.select(m, a, b))
_select_ints = _ternary(INTS, MASK, INTS, INTS, lambda builder, m, a, b: builder.select(m, a, b))


def select(mask: Any, a: Any, b: Any) -> Any:
    """a where the mask holds, else b."""
    raise NotImplementedError("only inside numba kernels")


@overload(select)
def _select(mask, a, b):  # type: ignore[no-untyped-def]
    chosen = _select_floats if a == FLOATS else _select_ints
    return lambda mask, a, b: chosen(mask, a, b)


def _operator(function: Any, kind: Vector, build: Build) -> None:
    """Give an operator of Python its meaning on two vectors."""
    instruction = _binary(kind, kind, kind, build)

    @overload(function)
    def typed(a, b):  # type: ignore[no-untyped-def] # numba compares annotations too
        return (lambda a, b: instruction(a, b)) if a == kind and b == kind else None


_operator(operator.add, FLOATS, lambda builder, a, b: builder.fadd(a, b))
_operator(operator.sub, FLOATS, lambda builder, a, b: builder.fsub(a, b))
_operator(operator.mul, FLOATS, lambda builder, a, b: builder.fmul(a, b))
_operator(operator.truediv, FLOATS, lambda builder, a, b: builder.fdiv(a, b))
_operator(operator.add, INTS, lambda builder, a, b: builder.add(a, b))
_operator(operator.sub, INTS, lambda builder, a, b: builder.sub(a, b))
_operator(operator.xor, INTS, lambda builder, a, b: builder.xor(a, b))
_operator(operator.or_, INTS, lambda builder, a, b: builder.or_(a, b))
_operator(operator.and_, INTS, lambda builder, a, b: builder.and_(a, b))
_operator(operator.lshift, INTS, lambda builder, a, b: builder.shl(a, b))
_operator(operator.rshift, INTS, lambda builder, a, b: builder.ashr(a, b))


def _row(context: Any, builder: Any, kind: Any, array: Any, row: Any) -> Any:
    """Pointer to the first number of a row, as a pointer to a vector."""
    struct = context.make_array(kind)(context, builder, array)
    offset = builder.mul(row, ir.Constant(row.type, LANES))
    first = builder.gep(struct.data, [offset])
    return builder.bitcast(first, (FLOATS if kind.dtype == types.float32 else INTS).llvm.as_pointer())


def _fits(array: Any, row: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 2 and array.layout == "C" and isinstance(row, types.Integer)


@intrinsic
def _load(context: Any, array: Any, row: Any) -> Any:
    if not _fits(array, row):
        return None
    vector = FLOATS if array.dtype == types.float32 else INTS

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.cast(builder, values[1], row, types.intp)
        return builder.load(_row(context, builder, array, values[0], wide), align=4)

    return vector(array, row), generate


load = _load


@intrinsic
def store(context: Any, array: Any, row: Any, vector: Any) -> Any:
    """Write a vector to a row of a (rows, LANES) array."""
    if not _fits(array, row) or not isinstance(vector, Vector):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = context.cast(builder, values[1], row, types.intp)
        builder.store(values[2], _row(context, builder, array, values[0], wide), align=4)
        return context.get_dummy_value()

    return types.void(array, row, vector), generate
