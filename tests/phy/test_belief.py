"""The kernels' mathematics: exp and log, check rules at any degree and size, layered decoding in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numba import njit

from semrobust.phy import belief, ldpc
from semrobust.phy.belief import _exp, _log, _min_sum, _sum_product
from semrobust.phy.decoder import SCHEDULES
from semrobust.phy.simd import LANES, load, store
from tests.phy import reference
from tests.phy.helpers import messages, received_llr, syndromes

Floats = npt.NDArray[np.float32]
RULES = ("min-sum", "sum-product")


@njit
def exps(x: Floats) -> None:
    for row in range(x.shape[0]):
        store(x, row, _exp(load(x, row)))


@njit
def logs(x: Floats) -> None:
    for row in range(x.shape[0]):
        store(x, row, _log(load(x, row)))


@njit
def check(rule: int, v: Floats, u: Floats, t: Floats, factor: float) -> None:
    if rule == 0:
        _min_sum(v.shape[0], v, u, 0, np.float32(factor))
    else:
        _sum_product(v.shape[0], v, u, 0, t)


def answers(rule: str, v: Floats) -> Floats:
    """What the kernel's check says to messages (degree, lanes), any number of lanes."""
    degree, count = v.shape
    out = np.empty_like(v)
    for first in range(0, count, LANES):
        part = np.zeros((degree, LANES), np.float32)
        given = v[:, first : first + LANES]
        part[:, : given.shape[1]] = given
        u = np.empty_like(part)
        check(RULES.index(rule), part, u, np.empty((3 * degree, LANES), np.float32), 0.75)
        out[:, first : first + LANES] = u[:, : given.shape[1]]
    return out


def of(function: object, x: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The float32 arguments, as float64, and what a kernel makes of them."""
    rows = np.resize(x.astype(np.float32), (-(-x.size // LANES), LANES)).copy()
    given = rows.astype(np.float64)
    function(rows)  # type: ignore[operator]
    return given, rows.astype(np.float64)


def test_exp_is_accurate() -> None:
    x, y = of(exps, -np.concatenate([np.linspace(0, 87, 40_000), np.logspace(-40, 1, 10_000)]))
    error = np.abs(y / np.exp(x) - 1)
    assert error.max() < 4e-6
    assert error[x > -2].max() < 4e-7
    _, ends = of(exps, np.array([0.0, -0.0, -87.0, -88.0, -1e6, -1e30]))
    assert np.all(ends.flat[:2] == 1.0)
    assert np.all(ends.flat[2:6] == ends.flat[2])
    assert 0 < ends.flat[2] < 2e-38


def test_log_is_accurate() -> None:
    x, y = of(logs, np.concatenate([np.logspace(-37, 38, 50_000), np.linspace(0.5, 2, 20_000)]))
    assert np.all(np.abs(y - np.log(x)) < 1.5e-7 * (1 + np.abs(np.log(x))))
    _, ends = of(logs, np.array([1.0, 0.0]))
    assert ends.flat[0] == 0.0
    assert -89 < ends.flat[1] < -87


def spread(degree: int, scale: float, seed: int = 0) -> Floats:
    """Messages of one size, of sizes over five decades, equal ones, and ones with zeros."""
    rng = np.random.default_rng([degree, seed])
    v = scale * rng.normal(size=(degree, 4 * LANES))
    v[:, LANES : 2 * LANES] *= 10.0 ** rng.uniform(-5, 0, (degree, LANES))
    v[:, 2 * LANES : 3 * LANES] = scale * rng.choice([-1.0, 1.0], (degree, LANES))
    v[:, 3 * LANES :] *= rng.random((degree, LANES)) < 1 - 1 / degree
    return v.astype(np.float32)


@pytest.mark.parametrize("degree", [1, 2, 3, 6, 19, 63, 64, 65, 130])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 20.0, 1e3, 1e5])
def test_checks_follow_their_rules(degree: int, scale: float) -> None:
    v = spread(degree, scale)
    for rule in RULES:
        expected = reference.answers(rule, v.astype(np.float64), 0.75)
        found = answers(rule, v)
        exact = 1e-6 if rule == "min-sum" else 1e-6 * max(1, degree / 6)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0 if rule == "min-sum" else exact)
        assert np.all((found == 0) | (np.sign(found) == np.sign(expected)) | (np.abs(expected) < exact))


@pytest.mark.parametrize("degree", [2, 3, 6, 19])
def test_sum_product_is_the_tanh_rule(degree: int) -> None:
    """Where tanh does not saturate; written as in the books."""
    v = spread(degree, 2.0)
    half = np.tanh(v.astype(np.float64) / 2)
    expected = [2 * np.arctanh(np.prod(np.delete(half, edge, axis=0), axis=0)) for edge in range(degree)]
    np.testing.assert_allclose(answers("sum-product", v), expected, rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize("rule", RULES)
def test_an_erasure_makes_every_other_answer_0(rule: str) -> None:
    v = np.full((6, LANES), 3.0, np.float32)
    v[2] = 0.0
    found = answers(rule, v)
    assert np.all(found[[0, 1, 3, 4, 5]] == 0)
    assert np.all(found[2] > 0)
    v[4] = 0.0
    assert np.all(answers(rule, v) == 0)


@pytest.mark.parametrize("rule", RULES)
def test_no_answer_is_stronger_than_the_weakest_other_message(rule: str) -> None:
    for scale in (1.0, 1e6, 1e30):
        v = spread(6, scale)
        found = np.abs(answers(rule, v))
        assert np.isfinite(found).all()
        for edge in range(6):
            weakest = np.minimum(np.abs(np.delete(v, edge, axis=0)).min(axis=0), belief.CERTAIN)
            assert np.all(found[edge] <= weakest)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["regular", "nr", "irregular"])
def test_decoding_is_that_of_the_schedule(name: str, rule: str, schedule: str, request: pytest.FixtureRequest) -> None:
    """Against float64, message by message: posteriors and iterations, also of words that fail."""
    if name == "irregular":
        rng = np.random.default_rng(3)
        code = ldpc.LdpcCode.from_parity_check(
            (rng.random((20, 60)) < np.linspace(0.03, 0.3, 20)[:, None]).astype(np.uint8)
        )
    else:
        code = request.getfixturevalue(name)
    llr = received_llr(code.encode(messages(code, 20)), 4.0 if name == "irregular" else 1.5).numpy()
    nodes = np.zeros((20, code.nodes), np.float32)
    nodes[:, code.channel_nodes] = llr
    posterior, iterations, passed = np.empty_like(nodes), np.empty(20, np.int32), np.empty(20, np.bool_)
    graph = code.parity_check.indptr.astype(np.int32), code.parity_check.indices.astype(np.int32)
    method = SCHEDULES.index(schedule), RULES.index(rule)
    limit = 6 if schedule == "layered" else 12  # half as fast
    belief.decode(*graph, nodes, *method, np.float32(0.75), limit, posterior, iterations, passed)
    expected, taken = reference.decode(code, llr.astype(np.float64), rule, limit, 0.75, schedule=schedule)
    assert np.array_equal(iterations, taken)
    np.testing.assert_allclose(posterior, expected, rtol=2e-4, atol=2e-4)
    even = ~syndromes(code, posterior < 0).any(axis=1)
    assert np.array_equal(passed, even & (posterior != 0).all(axis=1))
    assert len(set(taken.tolist())) > 1


def test_no_words_take_no_time(regular: ldpc.LdpcCode) -> None:
    graph = regular.parity_check.indptr.astype(np.int32), regular.parity_check.indices.astype(np.int32)
    none = np.empty((0, regular.nodes), np.float32)
    belief.decode(*graph, none, 0, 1, np.float32(1), 5, none, np.empty(0, np.int32), np.empty(0, np.bool_))
