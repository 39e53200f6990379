"""The tables that claims are held against."""

from __future__ import annotations

import pytest

from semrobust.tables.paper_vs_ours import JUDGED
from tests.claims.judging import Tables
from tests.figures.samples import TABLES


@pytest.fixture(scope="package")
def samples() -> Tables:
    return {name: TABLES[name]() for name in JUDGED}
