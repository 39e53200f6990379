"""Numbers of the README that name the row of the table they are from, in a comment behind them, are that row's."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from tests.conftest import ROOT

NUMBER = r"-?\d+(?:\.\d+)?"
TOLD = re.compile(
    rf"(?P<value>{NUMBER})(?P<percent>%?)(?: \[(?P<low>{NUMBER}), (?P<high>{NUMBER})\])?"
    r"<!-- (?P<table>\w+) (?P<column>\w+)%?; (?P<where>[^>]*?) -->"
)
README = (ROOT / "README.md").read_text(encoding="utf-8").replace("−", "-")
FOUND = list(TOLD.finditer(README))


def test_every_comment_of_a_table_stands_behind_a_number() -> None:
    assert len(FOUND) == README.count("<!-- ") > 10


@pytest.mark.parametrize("told", FOUND, ids=lambda told: told.group("value"))
def test_a_number_is_that_of_its_row_to_its_own_digits(told: re.Match[str]) -> None:
    rows = pd.read_csv(ROOT / f"data/laptop/results/{told['table']}.csv", dtype=str)
    for pair in told["where"].split("; "):
        column, _, wanted = pair.partition("=")
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1, told["where"]
    (row,), column, scale = rows.to_dict("records"), told["column"], 100 if told["percent"] else 1
    stem = re.sub("_(mean|rate|per_image)$", "", column)
    for text, name in ((told["value"], column), (told["low"], f"{stem}_low"), (told["high"], f"{stem}_high")):
        if text is not None:
            # two significant digits of a large number are a rounding, too
            decimals = len(text.partition(".")[2]) or -(len(text) - len(text.rstrip("0")))
            assert abs(scale * float(row[name]) - float(text)) <= 0.5 * 10**-decimals * (1 + 1e-6), (name, row[name])
