"""`semrobust compare`: it shows the published table of this plan, or says why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from semrobust.cli import main, reports
from semrobust.pipeline import files
from semrobust.tables import paper_vs_ours
from tests.pipeline import small_project
from tests.pipeline.small_project import make
from tests.pipeline.toys import table

BANNER = "Ten photographs stand in for CIFAR-10: the pipeline works, and this is no result about the papers.\n\n"
CSV = Path("data/r/results/paper_vs_ours.csv")


@pytest.fixture(autouse=True)
def small(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    monkeypatch.setattr(reports, "load", small_project.load)
    monkeypatch.setattr(table, "STEP", replace(table.STEP, names=lambda _: ["clean", "paper_vs_ours"]))
    text = "semrobust.claims.claim.report"
    monkeypatch.setattr(text, lambda frame: f"{len(frame)} rows of {', '.join(frame.columns)}")
    small_project.use_small_steps(monkeypatch)
    (project / "params.yaml").write_text("run: r\n")


def compare(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["compare", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_published_table_is_shown() -> None:
    make()
    result = compare()
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{BANNER}2 rows of system, letters\n", "")


def test_a_table_that_is_missing_or_edited_or_of_other_params_is_refused_with_what_to_do() -> None:
    assert "paper_vs_ours.csv or its record is missing: run `snakemake --cores 2" in compare().stderr
    make()
    Path("other.yaml").write_text("samples: 10\n")
    result = compare("--params", "params.yaml", "--params", "other.yaml")
    assert result.exit_code == 1
    assert "is not what these params ask for: samples (was 9, now 10). To make it, run `snakemake" in result.stderr
    assert "results --configfile other.yaml`" in result.stderr
    CSV.write_text("edited")
    assert "is not the file that was written" in compare().stderr


def test_tables_of_an_earlier_release_are_judged_by_todays_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    CSV.parent.mkdir(parents=True)
    pd.DataFrame({"claim": ["a", "b", "c"]}).to_csv(CSV, index=False)
    anew = pd.DataFrame({"verdict": ["holds"]})
    monkeypatch.setattr(paper_vs_ours, "published", lambda _, folder: anew if folder == CSV.parent else None)
    record = {"id": "0", "job": {"kind": "table", "name": "paper_vs_ours", "key": "0"}, "settings": {}}
    record |= {"outputs": {CSV.as_posix(): files.sha256(CSV)}}
    CSV.with_suffix(".json").write_text(json.dumps(record))
    result = compare()
    assert (result.exit_code, result.stdout) == (0, f"{BANNER}1 rows of verdict\n")
    assert "are of an earlier release" in result.stderr
    CSV.write_text("claim\nedited\n")
    assert compare().exit_code == 1
