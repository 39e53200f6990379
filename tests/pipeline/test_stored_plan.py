"""A stored plan is taken for the plan only while all that it was made from is as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semrobust.config import params
from semrobust.errors import ParamsError
from semrobust.pipeline import code
from semrobust.pipeline.plan import Plan, folder_of
from tests.conftest import ROOT
from tests.pipeline import small_project
from tests.pipeline.small_project import RUN
from tests.pipeline.toys import figure

SOURCES = [Path("params.yaml"), Path("small.yaml")]
PAGE = Path("page.html")


@pytest.fixture
def stored(small: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A plan in the store, of two params files, whose figure also looks into a page."""
    monkeypatch.setattr(params, "load", lambda paths: small_project.params())
    monkeypatch.setattr(figure, "STEP", replace(figure.STEP, reads=lambda _: [PAGE]))
    SOURCES[0].write_text("run: other\n")
    SOURCES[1].write_text(f"run: {RUN}\n")
    PAGE.write_text("page")
    plan = Plan.current(SOURCES)
    plan.write()
    return plan


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What says that a plan was made anew."""
    said: list[str] = []
    of = Plan.of

    def counted(*arguments: Any) -> Plan:
        said.append("made")
        return of(*arguments)

    monkeypatch.setattr(Plan, "of", counted)
    return said


def test_while_nothing_has_changed_the_stored_plan_is_read(stored: Plan, made: list[str]) -> None:
    again = Plan.current(SOURCES)
    assert made == []
    assert (again.run, again.sources, again.artifacts) == (stored.run, stored.sources, stored.artifacts)
    times = {path: path.stat().st_mtime_ns for path in folder_of(RUN).iterdir()}
    again.write()
    assert times == {path: path.stat().st_mtime_ns for path in folder_of(RUN).iterdir()}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "edit",
    [
        lambda: SOURCES[0].write_text("run: other\n# a remark\n"),
        lambda: PAGE.write_text("another page"),
        PAGE.unlink,
        lambda: (folder_of(RUN) / "models.json").unlink(),
        lambda: (folder_of(RUN) / "models.json").write_text("{}"),
        lambda: (folder_of(RUN) / "origin.json").write_text("[]"),
    ],
)
def test_whatever_it_was_made_from_an_edit_makes_it_anew(edit: Callable[[], object], made: list[str]) -> None:
    edit()
    Plan.current(SOURCES)
    assert made == ["made"]


@pytest.mark.usefixtures("stored")
def test_other_code_and_another_order_of_files_make_it_anew(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Plan.current([SOURCES[1], SOURCES[0]])
    monkeypatch.setattr(code, "everything", lambda: "other")
    Plan.current(SOURCES)
    assert made == ["made", "made"]


def test_planning_reads_params_code_and_what_steps_say_that_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sources = [Path("params.yaml"), Path("params/ci.yaml")]
    Plan.current(sources)  # all modules are imported now
    opened: set[Path] = set()
    watched = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watched and event == "open" and isinstance(arguments[0], str):
            opened.add(Path(arguments[0]).resolve())

    sys.addaudithook(hook)
    monkeypatch.setattr(Plan, "_stored", lambda _: None)
    origin = Plan.current(sources).origin
    watched = False
    assert origin is not None
    told = {(ROOT / path).resolve() for path in origin["files"]}
    assert {ROOT / "workflow/notebooks/report.ipynb", ROOT / "params/ci.yaml"} <= opened
    assert {path for path in opened - told if path.suffix not in (".py", ".pyc") and ROOT in path.parents} == set()


@pytest.mark.usefixtures("small")
def test_wrong_params_are_refused_as_without_a_store() -> None:
    SOURCES[0].write_text("run: 5\n")
    with pytest.raises(ParamsError, match=r"invalid parameters in params\.yaml"):
        Plan.current(SOURCES[:1])
