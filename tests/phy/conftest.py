"""Small codes shared by the tests of this floor."""

from __future__ import annotations

import pytest

from semrobust.phy import ldpc


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
