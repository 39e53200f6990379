"""`semrobust audit`: what it prints, without a project around it too, and what it says of wrong use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from semrobust.cli import main
from semrobust.config import params
from semrobust.pipeline import files
from semrobust.pipeline import record as provenance
from tests.pipeline import small_project
from tests.pipeline.small_project import artifact, make

CSV, PDF = Path("data/r/results/clean.csv"), Path("figures/r/fig.pdf")


@pytest.fixture(autouse=True)
def small(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    monkeypatch.setattr(params, "load", small_project.load)
    small_project.use_small_steps(monkeypatch)


def audit(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["audit", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_copied_figure_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(PDF.with_suffix(".png"), folder)
    monkeypatch.chdir(folder)
    result = audit("fig.png")
    assert result.exit_code == 0
    assert "1 artifacts: 0 tampered, 0 stale, 0 unknown, 0 earlier, 1 ok (1 of them in part: 0 of 4" in result.output
    assert "judged by the record inside it, as figure/fig-" in result.output
    assert result.output.splitlines()[1].startswith("ok, 0 of 4 compared  fig.png   semrobust:")
    shutil.copy(tmp_path / PDF, folder)
    content = bytearray((folder / "fig.pdf").read_bytes())
    content[300] ^= 1
    (folder / "fig.pdf").write_bytes(content)
    (folder / "plain.csv").write_text("a\n")
    result = audit(".", "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["counts"] == {"tampered": 1, "stale": 0, "unknown": 1, "earlier": 0, "ok": 1}
    assert found["ok_in_part"] == 1
    assert [(each["path"], each["status"]) for each in found["artifacts"]] == [
        ("fig.pdf", "tampered"), ("plain.csv", "unknown"), ("fig.png", "ok"),
    ]  # fmt: skip
    assert (found["artifacts"][2]["inputs"], found["artifacts"][2]["compared"]) == (4, 0)


def test_a_whole_run_is_ok_without_qualification() -> None:
    make()
    Path("params.yaml").write_text("run: r\n")
    result = audit("--complete")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "7 artifacts: 0 tampered, 0 stale, 0 unknown, 0 earlier, 7 ok"


def test_a_clone_says_how_much_it_could_compare() -> None:
    make()
    Path("params.yaml").write_text("run: r\n")
    for folder in ("dataset", "models", "tables", "figures"):
        shutil.rmtree(f"data/r/{folder}")
    result = audit()
    assert result.exit_code == 0
    assert not any(line.startswith("ok  ") for line in result.output.splitlines())
    assert "ok, 0 of 3 compared  data/r/results/clean.csv" in result.output
    assert result.output.splitlines()[-1].endswith("2 ok (2 of them in part: 1 of 4 compared)")
    assert audit("--complete").exit_code == 1


def test_the_lineage_is_written_as_mermaid(tmp_path: Path) -> None:
    make()
    artifact("train").path().write_text("weighty")
    result = audit(str(PDF), "--graph", "lineage.mmd")
    assert result.exit_code == 1
    drawn = (tmp_path / "lineage.mmd").read_text()
    assert drawn.startswith("flowchart TD\n")
    assert all(f'"{text}' in drawn for text in ("raw data photos10", "train net<br>", "table clean", "figure fig"))
    assert "tampered" in drawn
    assert "stale" in drawn
    audit(str(PDF), "--graph", "lineage.md")
    assert (tmp_path / "lineage.md").read_text() == f"```mermaid\n{drawn}```\n"


def test_the_raw_data_are_hashed_anew() -> None:
    """Arrays that were changed together with their record still have another content than everybody names."""
    make("dataset")
    assert audit("data").exit_code == 0
    data = artifact("dataset")
    content = bytearray(data.path().read_bytes())
    content[-1] ^= 1
    data.path().write_bytes(content)
    record = json.loads(data.record.read_text())
    record["outputs"][data.suffixes[0]] = files.sha256(data.path())
    data.record.write_text(json.dumps(provenance.sealed(record)))
    assert "its images and labels have another content digest" in audit("data").output


def test_many_are_counted_and_what_is_wrong_comes_first() -> None:
    for width in range(4, 9):
        make(width=width)
    Path("params.yaml").write_text("run: r\nwidth: 8\n")
    artifact("table", width=5).path().write_text("edited")
    result = audit()
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[1].startswith("tampered")
    assert "is not the file that was written" in lines[1]
    assert lines[2].startswith("stale")
    assert any(line.startswith("ok: ") and "1 dataset" in line and "10 train" in line for line in lines)
    assert any("× unasked: the params ask for none of this key" in line for line in lines)
    assert lines[-1] == "23 artifacts: 1 tampered, 1 stale, 0 unknown, 0 earlier, 21 ok"


def test_artifacts_of_an_earlier_release_are_said_to_be_so_in_one_line() -> None:
    for number in range(30):
        small_project.first_edition(Path("data/laptop/results"), f"old_{number}")
    Path("params.yaml").write_text("run: laptop\n")
    result = audit()
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert len(lines) == 2
    assert lines[0].startswith("recorded by an earlier release, files as recorded; what is behind them cannot be")
    assert lines[1].startswith("30 artifacts: 0 tampered, 0 stale, 0 unknown, 30 earlier, 0 ok")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no params.yaml here that names a run"),
        (("none.png",), "there is no file none.png"),
        ((".",), "no artifact is in ."),
        (("a.pdf", "b.pdf", "--graph", "c.mmd"), "give one PATH"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str) -> None:
    result = audit(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_graph_of_another_format_is_refused() -> None:
    make()
    result = audit(str(PDF), "--graph", "lineage.svg")
    assert result.exit_code == 2
    assert ".mmd or .md" in result.output
