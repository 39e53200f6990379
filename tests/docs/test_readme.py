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
COUNTED = re.findall(r"(\d+)<!-- verdicts (\w+): ([a-z ]+) -->", README)


def test_every_comment_stands_behind_a_number() -> None:
    assert len(FOUND) + len(COUNTED) == README.count("<!-- ") > 10


def test_verdicts_are_counted_as_the_table_has_them() -> None:
    claims = pd.read_csv(ROOT / "data/laptop/results/paper_vs_ours.csv")
    found = claims.groupby(["paper", "verdict"]).size()
    assert {(paper, verdict): int(count) for count, paper, verdict in COUNTED} == found.to_dict()


@pytest.mark.parametrize("told", FOUND, ids=lambda told: told.group("value"))
def test_a_number_is_that_of_its_row_to_its_own_digits(told: re.Match[str]) -> None:
    rows = pd.read_csv(ROOT / f"data/laptop/results/{told['table']}.csv", dtype=str)
    for pair in told["where"].split("; "):
        column, _, wanted = pair.partition("=")
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1, told["where"]
    (row,), column, scale = rows.to_dict("records"), told["column"], 100 if told["percent"] else 1
    stems = (column, re.sub("_(mean|median|rate|per_image)$", "", column))
    stem = next((stem for stem in stems if f"{stem}_low" in row), column)
    for text, name in ((told["value"], column), (told["low"], f"{stem}_low"), (told["high"], f"{stem}_high")):
        if text is not None:
            # zeros behind two digits are a rounding, too
            decimals = len(text.partition(".")[2]) or -min(len(text) - len(text.rstrip("0")), max(len(text) - 2, 0))
            assert abs(scale * float(row[name]) - float(text)) <= 0.5 * 10**-decimals * (1 + 1e-6), (name, row[name])
