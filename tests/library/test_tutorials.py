"""What the pages tell to type in Python does what they say: tutorials, README, and the example of every public name."""

from __future__ import annotations

import contextlib
import doctest
import io
from pathlib import Path
from typing import Any

import pytest

import semrobust
from semrobust.config.registry import ATTACKS
from tests.conftest import ROOT
from tests.docs.pages import DOCS, blocks
from tests.made import Run

TUTORIALS = sorted(DOCS.glob("tutorial-*.md"))
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *(pytest.param(page, marks=pytest.mark.slow) for page in TUTORIALS)],
    ids=lambda page: page.stem,
)
def test_blocks_print_what_stands_below_them(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of Python run in their order in one place; a block of text behind one is what it prints."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed, ran = "", 0
    for block in blocks(page):
        if block.language == "python":
            assert not printed, f"{page.name} does not show what is printed:\n{printed}"
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(block.text, str(page), "exec"), names)
            printed, ran = out.getvalue(), ran + 1
        elif block.language == "text" and ran:
            example = doctest.Example("", block.text)
            assert doctest.OutputChecker().check_output(example.want, printed, FLAGS), f"{page.name}:\n{printed}"
            printed = ""
    assert ran
    assert not printed, f"{page.name} does not show what is printed:\n{printed}"


def test_the_settings_of_every_attack_are_on_the_page() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    for kind in ATTACKS:
        settings = ATTACKS[kind].Settings
        assert f":: {settings.__module__}.{settings.__qualname__}\n" in page, kind


@pytest.mark.parametrize("name", [name for name in semrobust.__all__ if name != "__version__"])
def test_the_example_of_every_public_name(name: str, run: Run) -> None:
    """`params` and `folder` are those of a made run."""
    found = getattr(semrobust, name)
    for made in (f"dataset/{run.params.data.source}", "train/vit"):
        run.artifact(made)
    given = {"params": run.params, "folder": run.folder}
    (test,) = doctest.DocTestFinder(recurse=False).find(found, name, globs=given)
    assert test.examples, f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0, out.getvalue()
