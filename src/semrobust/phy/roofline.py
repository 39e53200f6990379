"""What the processor could do at most, and what the decoder asks of it.

`ceilings` times kernels that do nothing but FMAs, or nothing but reading and writing. `demand` counts operations and
bytes of one iteration by running the decoding kernel's own Python source on numbers that count what is done to them,
so the counts cannot differ from the code.
"""

from __future__ import annotations

import types
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from semrobust.phy import belief
from semrobust.phy.bench import seconds
from semrobust.phy.decoder import RULES
from semrobust.phy.simd import LANES, fma, kernel, load, splat, store

_FREE = {"splat", "isplat", "as_ints", "as_floats"}  # constants stay in registers; a bit pattern is read as it is
_COUNTED = {"fma", "least", "most", "magnitude", "less", "same", "select", "truncate", "convert"}


class _Number:
    """Stands for a vector; counts each operation as one."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts

    def _operation(self, _other: Any) -> _Number:
        self.counts["operations"] += 1
        return self

    __add__ = __sub__ = __mul__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = _operation

    def __truediv__(self, other: Any) -> _Number:
        self.counts["divisions"] += 1
        return self._operation(other)


def demand(rule: str, degree: int) -> dict[str, float]:
    """Work of one iteration per edge and word, the syndrome included, at checks of `degree` edges.

    `operations` (FMA counts as one, so does a division), of these `divisions`; `bytes_state` to and from the posteriors
    and check messages that outlive a check; `bytes_all` with those to and from scratch too.
    """
    counts: Counter[str] = Counter()
    number = _Number(counts)

    def done(*_: Any) -> _Number:
        counts["operations"] += 1
        return number

    def moved(array: str, *_: Any) -> _Number:
        counts["state" if array in "pc" else "scratch"] += 4
        return number

    world: dict[str, Any] = dict(vars(belief))
    for name, value in vars(belief).items():
        if hasattr(value, "py_func"):
            world[name] = types.FunctionType(value.py_func.__code__, world)
    world |= dict.fromkeys(_COUNTED, done) | {"load": moved, "store": moved}
    world |= dict.fromkeys(_FREE, lambda *_: number)
    start, node = np.array([0, degree]), np.arange(degree)
    world["_iterate"](belief.LAYERED, RULES.index(rule), 0.8, start, node, "p", "c", None, "keep", "v", "u", "t", 0, 0)
    world["_failing"](start, node, "p", "bad")
    return {
        "operations": counts["operations"] / degree,
        "divisions": counts["divisions"] / degree,
        "bytes_state": counts["state"] / degree,
        "bytes_all": (counts["state"] + counts["scratch"]) / degree,
    }


@kernel
def _multiply(x: Any, rounds: int) -> None:
    """12 independent chains of FMAs: as many as two units of latency 4 or 5 can hold, and registers for all."""
    a, b = splat(np.float32(0.999)), splat(np.float32(0.001))
    x0, x1, x2, x3, x4, x5 = load(x, 0), load(x, 1), load(x, 2), load(x, 3), load(x, 4), load(x, 5)
    x6, x7, x8, x9, xa, xb = load(x, 6), load(x, 7), load(x, 8), load(x, 9), load(x, 10), load(x, 11)
    for _ in range(rounds):
        x0, x1, x2, x3 = fma(x0, a, b), fma(x1, a, b), fma(x2, a, b), fma(x3, a, b)
        x4, x5, x6, x7 = fma(x4, a, b), fma(x5, a, b), fma(x6, a, b), fma(x7, a, b)
        x8, x9, xa, xb = fma(x8, a, b), fma(x9, a, b), fma(xa, a, b), fma(xb, a, b)
    store(x, 0, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9 + xa + xb)


@kernel
def _update(x: Any, rounds: int) -> None:
    """Read and write every row, `rounds` times."""
    one = splat(np.float32(1.0))
    for _ in range(rounds):
        for row in range(x.shape[0]):
            store(x, row, load(x, row) + one)


def _rate(work: Any, rows: int, rounds: int, threads: int) -> float:
    """Calls of rows·rounds per second, all threads together; the best of five."""
    arrays = [belief.rows(rows) for _ in range(threads)]
    work(arrays[0], 1)
    with ThreadPoolExecutor(threads) as pool:
        best = min(seconds(lambda: list(pool.map(lambda x: work(x, rounds), arrays))) for _ in range(5))
    return threads * rounds / best


def ceilings(threads: int) -> dict[str, float]:
    """Most operations (FMAs) and bytes (read and written) per second of `threads` cores.

    `bytes_l1` from 16 KiB per core, `bytes_l2` from 256 KiB, where the decoder's state at n = 768 lies.
    """
    return {
        "operations": 12 * LANES * _rate(_multiply, 12, 2_000_000, threads),
        "bytes_l1": 2 * 4 * LANES * 256 * _rate(_update, 256, 100_000, threads),
        "bytes_l2": 2 * 4 * LANES * 4096 * _rate(_update, 4096, 5_000, threads),
    }
