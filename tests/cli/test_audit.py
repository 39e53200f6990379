"""`semrobust audit` without a project around it, and what it says of wrong use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from semrobust.cli import main
from semrobust.pipeline import files
from semrobust.pipeline import record as provenance
from tests.pipeline import small_project


@pytest.fixture(autouse=True)
def no_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))


def audit(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["audit", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_copied_figure_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_project.make_all()
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(small_project.PNG, folder)
    monkeypatch.chdir(folder)
    result = audit("fig.png")
    assert result.exit_code == 0
    assert "1 artifacts: 0 tampered, 0 stale, 0 unknown, 1 ok" in result.output
    assert "judged by the record inside it, as figures/r/fig.png" in result.output
    shutil.copy(tmp_path / "figures/r/fig.pdf", folder)
    content = bytearray((folder / "fig.pdf").read_bytes())
    content[300] ^= 1
    (folder / "fig.pdf").write_bytes(content)
    (folder / "plain.csv").write_text("a\n")
    result = audit(".", "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert found["counts"] == {"tampered": 1, "stale": 0, "unknown": 1, "ok": 1}
    assert [(each["path"], each["status"]) for each in found["artifacts"]] == [
        ("fig.pdf", "tampered"), ("plain.csv", "unknown"), ("fig.png", "ok"),
    ]  # fmt: skip
    assert len(found["artifacts"][2]["not_here"]) == 8


def test_the_chain_is_drawn(tmp_path: Path) -> None:
    small_project.make_all()
    (tmp_path / "data/r/models/net.safetensors").write_text("weighty")
    result = audit("figures/r/fig.pdf", "--graph", "chain.svg")
    assert result.exit_code == 1
    drawn = (tmp_path / "chain.svg").read_text()
    assert all(f">{text}<" in drawn for text in ("photos10", "net", "clean", "fig", "tampered (1)", "stale (2)"))
    for suffix in (".pdf", ".png"):
        audit("figures/r/fig.pdf", "--graph", f"chain{suffix}")
        assert (tmp_path / f"chain{suffix}").stat().st_size > 1000


def test_the_raw_data_are_hashed_anew(tmp_path: Path) -> None:
    """Arrays that were changed together with their record still have another content than everybody names."""
    small_project.make_raw()
    assert audit("data").exit_code == 0
    array = small_project.ARRAYS[0]
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    record = json.loads(small_project.RAW_FILE.read_text())
    record["outputs"][array.as_posix()] = files.sha256(array)
    small_project.RAW_FILE.write_text(json.dumps(provenance.sealed(record)))
    assert "its images and labels have another content digest" in audit("data").output


def test_many_are_counted_and_what_is_wrong_comes_first(tmp_path: Path) -> None:
    small_project.make_all()
    for number in range(9):
        small_project.make_figure(small_project.PDF.with_stem(f"fig{number}"))
    (tmp_path / "figures/r/fig7.png").write_bytes(b"")
    lines = audit("figures", "data").output.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("tampered  figures/r/fig7.pdf  fig7.png is not the file that was written")
    assert lines[2] == "ok: 1 dataset, 1 model, 1 table, 9 figure"
    assert lines[3] == "13 artifacts: 1 tampered, 0 stale, 0 unknown, 12 ok"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no params.yaml here that names a run"),
        (("none.png",), "there is no file none.png"),
        ((".",), "no artifact is in ."),
        (("a.pdf", "b.pdf", "--graph", "c.svg"), "give one PATH"),
        (("--params", "none.yaml"), "none.yaml"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str) -> None:
    result = audit(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_graph_of_another_format_is_refused() -> None:
    small_project.make_all()
    result = audit("figures/r/fig.pdf", "--graph", "chain.gif")
    assert result.exit_code == 2
    assert "--graph writes .svg, .pdf or .png" in result.output
