"""`semrobust gc`: nothing is changed without --apply, and every params file here is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from semrobust.cli import VERBS, main
from semrobust.config import params
from semrobust.errors import ParamsError
from semrobust.pipeline import gc, locks
from tests.pipeline import small_project
from tests.pipeline.small_project import artifact, make


@pytest.fixture(autouse=True)
def small(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    monkeypatch.setitem(VERBS, "gc", ("semrobust.cli.gc", "Remove what no params file asks for"))
    monkeypatch.setattr(params, "load", small_project.load)
    small_project.use_small_steps(monkeypatch)
    (project / "params.yaml").write_text("run: r\n")
    (project / "params").mkdir()


def call(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["gc", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def files() -> set[Path]:
    return {path for path in Path("data").rglob("*") if path.is_file() and "locks" not in path.parts}


def test_nothing_is_changed_without_apply_and_all_is_said() -> None:
    make()
    wanted = files()
    make(width=8)
    make()
    everything = files()
    result = call()
    assert result.exit_code == 0
    assert f"{artifact('train', width=8).path()}  " in result.output
    assert "no params ask for it" in result.output
    assert result.output.splitlines()[-1].endswith("that no params ask for; --apply removes it")
    assert files() == everything
    assert call("--apply").output.splitlines()[-1].endswith(" removed")
    assert files() == wanted
    assert call().output.splitlines()[-1] == "0 B that no params ask for"


def test_overlays_are_asked_by_run_and_other_runs_are_left_alone() -> None:
    make()
    make(width=8)
    make(run="demo")
    make(run="somebody")
    Path("params/wide.yaml").write_text("width: 8\n")
    Path("params/demo.yaml").write_text("run: demo\nwidth: 4\n")
    before = files()
    result = call("--apply")
    assert "data/somebody: no params file names this run" in result.output
    assert "beside what params.yaml and params.yaml + params/wide.yaml ask for" in result.output
    assert files() == before
    result = call("--params", "params.yaml")
    assert f"{artifact('train', width=8).path()}  " in result.output
    assert "data/demo: no params file given names this run" in result.output


def test_params_that_are_wrong_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: object) -> None:
        raise ParamsError(["width: x"], "params/broken.yaml")

    make()
    make(width=8)
    before = files()
    monkeypatch.setattr(params, "load", load)
    assert call("--apply").exit_code == 2
    assert files() == before


def test_an_engine_at_work_is_left_alone() -> None:
    make()
    make(width=8)
    before = files()
    with locks.only(Path("data/r/scratch/locks") / gc.ENGINE, "the run r"):
        for arguments in ((), ("--apply",)):
            result = call(*arguments)
            assert result.exit_code == 1
            assert "the run r is being worked on by process" in result.output
    assert files() == before
