"""Vector operations against NumPy's on the same bit patterns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numba import njit
from numba.core.errors import TypingError

from semrobust.phy import belief
from semrobust.phy.simd import (
    LANES,
    as_floats,
    as_ints,
    convert,
    fma,
    isplat,
    least,
    less,
    load,
    magnitude,
    most,
    same,
    select,
    splat,
    store,
    truncate,
)
from semrobust.pipeline import code

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@njit
def arithmetic(x: Floats, out: Floats) -> None:
    a, b, c = load(x, 0), load(x, 1), load(x, 2)
    store(out, 0, a + b)
    store(out, 1, a - b)
    store(out, 2, a * b)
    store(out, 3, a / b)
    store(out, 4, fma(a, b, c))
    store(out, 5, least(a, b))
    store(out, 6, most(a, b))
    store(out, 7, magnitude(a))
    store(out, 8, select(less(a, b), a, c))
    store(out, 9, convert(truncate(a)))
    store(out, 10, as_floats(as_ints(a)))
    store(out, 11, splat(np.float32(0.1)))


@njit
def integers(x: Ints, out: Ints) -> None:
    a, b = load(x, 0), load(x, 1)
    store(out, 0, a + b)
    store(out, 1, a - b)
    store(out, 2, a ^ b)
    store(out, 3, a | b)
    store(out, 4, a & b)
    store(out, 5, a << isplat(np.int32(5)))
    store(out, 6, a >> isplat(np.int32(5)))
    store(out, 7, select(same(a, b), a, isplat(np.int32(-7))))


def bits(x: Floats) -> Ints:
    return np.ascontiguousarray(x).view(np.int32)


def test_float_operations_are_those_of_numpy_to_the_bit() -> None:
    x = np.random.default_rng(0).normal(0, 1000, (3, LANES)).astype(np.float32)
    x[:2, :4] = [[0.0, -0.0, 1e30, -1e-40], [-0.0, 0.0, 1e-30, 3.0]]
    out = np.zeros((12, LANES), np.float32)
    arithmetic(x, out)
    a, b, c = x
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        expected = [a + b, a - b, a * b, a / b]
    once = (np.longdouble(a) * b + c).astype(np.float32)  # 24 + 24 bits fit the 64 of a long double
    expected += [once, np.where(a < b, a, b), np.where(a > b, a, b), np.abs(a), np.where(a < b, a, c)]
    with np.errstate(invalid="ignore"):
        whole = np.where(np.abs(a) < 2**31, np.trunc(a), 0)
    for row, value in enumerate(expected):
        differ = bits(out[row]) != bits(np.asarray(value, np.float32))
        assert not (differ & ~np.isnan(value)).any(), row
    fits = np.abs(a) < 2**31
    assert np.array_equal(out[9][fits], whole[fits])
    assert np.array_equal(bits(out[10]), bits(a))
    assert np.all(out[11] == np.float32(0.1))


def test_comparisons_with_nan_choose_the_second() -> None:
    x = np.full((3, LANES), np.nan, np.float32)
    x[1], x[2] = 1.0, 2.0
    out = np.zeros((12, LANES), np.float32)
    arithmetic(x, out)
    assert np.all(out[5] == 1.0)
    assert np.all(out[6] == 1.0)
    assert np.all(out[8] == 2.0)


def test_int_operations_are_those_of_numpy() -> None:
    x = np.random.default_rng(1).integers(-(2**31), 2**31, (2, LANES)).astype(np.int32)
    x[1, :3] = x[0, :3]
    out = np.zeros((8, LANES), np.int32)
    integers(x, out)
    a, b = x
    expected = [a + b, a - b, a ^ b, a | b, a & b, a << 5, a >> 5, np.where(a == b, a, -7)]
    assert np.array_equal(out, np.stack(expected))


def test_what_is_no_row_of_vectors_is_refused_when_compiled() -> None:
    @njit
    def first(x: Floats) -> None:
        load(x, 0)

    for wrong in (np.zeros(LANES, np.float32), np.zeros((2, LANES), np.float32, order="F")):
        with pytest.raises(TypingError):
            first(wrong)


def test_a_kernel_is_compiled_anew_when_code_inlined_into_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba itself looks at the kernel's own file only: a result would belong to code that is no more."""

    class Codegen:
        def magic_tuple(self) -> tuple[str, ...]:
            return ("machine",)

    cache = belief._decode._cache
    before = cache._index_key((), Codegen())
    assert cache._index_key((), Codegen()) == before
    monkeypatch.setattr(code, "digest", lambda roots: f"changed {roots}")
    after = cache._index_key((), Codegen())
    assert after[:-1] == before[:-1]
    assert after[-1] == "changed ('semrobust.phy.belief',)"
