"""Small codes shared by the tests of this floor, and one torch thread, so that load does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from semrobust.phy import ldpc


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Spinning threads on busy cores slow small tensor operations a hundredfold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def regular() -> ldpc.LdpcCode:
    """A short (3, 6) code."""
    return ldpc.regular_code(192, 3, 6, seed=0)


@pytest.fixture(scope="session")
def regular768() -> ldpc.LdpcCode:
    """The (3, 6) code of the experiments' length."""
    return ldpc.regular_code(768, 3, 6, seed=0)


@pytest.fixture(scope="session")
def nr() -> ldpc.LdpcCode:
    """A short rate-1/2 NR code, with filler bits."""
    return ldpc.nr_code(100, 200)
