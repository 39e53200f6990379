"""One real run of the `ci` preset serves all tests of the workflow, in however many processes they run."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.workflow.project import Project

LONG = ("test_slurm.py", "test_faults.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files go first, so that no process is left with one of them in the end.

    The first one makes the run that all of this room share: meanwhile the tests of other rooms are the next.
    """
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.path.name in LONG:
        return LONG.index(item.path.name)
    return len(LONG) + (item.path.parent.name == "workflow")


Once = Callable[[str, Callable[[Path], Project]], Project]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """Make a project in a folder of this name, unless another process of this session has made it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def made(name: str, make: Callable[[Path], Project]) -> Project:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if (folder / "made").exists():
                return Project(folder / "project")
            folder.mkdir()  # raises if making it has failed elsewhere
            project = make(folder)
            (folder / "made").touch()
            return project

    return made


@pytest.fixture(scope="session")
def fresh(once: Once) -> Project:
    """A checkout in which nothing has run. Tests must not change it."""
    return once("fresh", lambda folder: Project.create(folder / "project"))


@pytest.fixture(scope="session")
def finished(fresh: Project, once: Once) -> Project:
    """`dvc repro` has run, its state is committed and pushed to a folder. Tests must not change it."""

    def make(folder: Path) -> Project:
        project = fresh.copy(folder / "project")
        project.run("dvc", "repro", timeout=1800)
        project.run("dvc", "remote", "add", "--quiet", "-d", "store", str(folder / "store"))
        project.commit()
        project.run("dvc", "push", "-q")
        return project

    return once("finished", make)


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
