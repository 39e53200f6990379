"""One whole run of the `ci` preset serves all tests of the workflow, in however many processes they run."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.conftest import Once
from tests.workflow.project import Project


@pytest.fixture(scope="session")
def fresh(once: Once) -> Project:
    """A checkout in which nothing has run. Tests must not change it."""
    return Project(once("fresh", lambda folder: Project.create(folder / "project")) / "project")


@pytest.fixture(scope="session")
def finished(fresh: Project, once: Once) -> Project:
    """All is made and recorded, its state committed and pushed to a folder. Tests must not change it."""

    def make(folder: Path) -> None:
        project = fresh.copy(folder / "project")
        project.make_all()
        project.run("python", "workflow/record.py")
        project.run("dvc", "remote", "add", "--quiet", "-d", "store", str(folder / "store"))
        project.commit()
        project.run("dvc", "push", "-q")

    return Project(once("finished", make) / "project")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project to change."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def pulled(finished: Project, tmp_path: Path) -> Project:
    """A clone by somebody else, after `dvc pull`: all files, no metadata of earlier jobs, times that say nothing."""
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    scramble(clone.root)
    return clone


def scramble(root: Path) -> None:
    """Give every result a time of its own, in no order."""
    rng = random.Random(0)
    for folder in ("data", "figures"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                os.utime(path, (rng.uniform(1.6e9, 1.7e9),) * 2, follow_symlinks=False)
