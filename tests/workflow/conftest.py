"""One real run of the `ci` preset serves all tests of the workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.project import Project


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which nothing has run. Tests must not change it."""
    return Project.create(tmp_path_factory.mktemp("fresh") / "project")


@pytest.fixture(scope="session")
def finished(fresh: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """`snakemake all` has run, its state is recorded, committed and pushed to a folder. Tests must not change it."""
    folder = tmp_path_factory.mktemp("finished")
    project = fresh.copy(folder / "project")
    project.snakemake("all")
    project.run("dvc", "remote", "add", "--quiet", "-d", "store", str(folder / "store"))
    project.run("python", "workflow/record.py")
    project.commit()
    project.run("dvc", "push", "-q")
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project to change."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def pulled(finished: Project, tmp_path: Path) -> Project:
    """A clone by somebody else, after `dvc pull`: all files, but no metadata of earlier jobs."""
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "pull", "-q")
    return clone
