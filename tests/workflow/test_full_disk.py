"""A project on a disk that is really full: clear errors, nothing half-written, and the same bytes once it has room."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import kills
from tests.faults import remove
from tests.small_disk import SmallDisk, pages, small_disk
from tests.workflow.project import Project

pytestmark = pytest.mark.slow

TABLE = "table/clean"
# what writes files of each kind, and the first that does not fit; none needs what another one makes
COMMANDS = {
    ("train", "deepjscc_noiseless"): "/state.pt",
    ("train", "hevc_ldpc_qpsk"): ".safetensors",
    ("noise", "vit"): ".npz",
    ("fading", "deepjscc"): ".parquet",
    ("table", "clean"): ".csv",
    ("figure", "zhang2026_bounds"): ".pdf",
}


@pytest.fixture(scope="module")
def disk(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk", megabytes=40) as mounted:
        finished.copy(mounted.root / "project")
        yield mounted


@pytest.fixture
def full(disk: SmallDisk) -> Iterator[Project]:
    """A finished project on the small disk; each test ends with all that it has removed made again."""
    yield Project(disk.root / "project")
    disk.free()


def calls(project: Project, folder: Path) -> list[tuple[int, str]]:
    """Exit codes and output of all commands, two at a time."""
    done, commands = [], list(COMMANDS)
    for first in range(0, len(commands), 2):
        pair = commands[first : first + 2]
        logs = [folder / f"{'-'.join(command)}.log" for command in pair]
        running = [project.start("semrobust", *pair[n], output=logs[n]) for n in (0, 1)]
        done += [(process.wait(600), log.read_text()) for process, log in zip(running, logs, strict=True)]
    return done


def test_jobs_on_a_full_disk_say_so_and_write_nothing(
    full: Project, disk: SmallDisk, finished: Project, tmp_path: Path
) -> None:
    lost = [full.plan()["/".join(command)] for command in COMMANDS]
    remove(full, [artifact.address for artifact in lost])
    disk.fill()
    for (code, said), artifact, end in zip(calls(full, tmp_path), lost, COMMANDS.values(), strict=True):
        assert code == 1, (artifact.address, said)
        assert "Traceback" not in said, (artifact.address, said)
        assert f"{end}: No space left on device. Free space or make the folder writable" in said
        assert not (full.root / artifact.path()).exists()
    assert kills.litter(full) == []
    disk.free()
    assert [code for code, _ in calls(full, tmp_path)] == [0] * len(COMMANDS)
    assert full.results() == finished.results()


def test_an_artifact_whose_record_does_not_fit_is_not_taken_for_finished(
    full: Project, disk: SmallDisk, finished: Project
) -> None:
    artifact = full.plan()[TABLE]
    room = pages(full.root / artifact.path())
    remove(full, [TABLE])
    disk.fill(leaving=room)
    done = full.run("semrobust", "table", "clean", ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"semrobust: cannot write {artifact.record}: No space left on device")
    assert (full.root / artifact.path()).exists()
    disk.free()
    assert TABLE in full.planned()
    full.run("semrobust", "table", "clean")
    assert full.results() == finished.results()


def test_snakemake_on_a_full_disk_says_so_and_goes_on_later(
    full: Project, disk: SmallDisk, finished: Project, tmp_path: Path
) -> None:
    """Job logs lie on the same disk and are empty then; Snakemake's own troubles with its log come before."""
    remove(full, [TABLE])
    command = ("snakemake", "--cores", "2", "results")
    disk.fill()
    done = full.run(*command, ok=False)
    assert done.returncode == 1
    assert "No space left on device. Free space or make the folder writable, then run the same command" in done.stderr
    disk.free()
    full.run(*command)
    assert full.results() == finished.results()


def test_dvc_with_a_full_cache_changes_no_record_and_goes_on_later(full: Project, disk: SmallDisk) -> None:
    cache, lock = full.root / ".dvc/cache", full.root / "dvc.lock"
    shutil.rmtree(cache)
    full.run("dvc", "commit", "--force")
    recorded = lock.read_bytes()
    shutil.rmtree(cache)
    disk.fill(leaving=2**20)
    done = full.run("dvc", "commit", "--force", ok=False)  # DVC says so, and its exit code may be 0 all the same
    assert "No space left on device" in done.stderr
    assert lock.read_bytes() == recorded
    for file in cache.rglob("[!.]*"):  # names with a dot are DVC's temporaries
        if file.is_file():
            name = (file.parent.name + file.name).removesuffix(".dir")
            assert hashlib.md5(file.read_bytes()).hexdigest() == name
    disk.free()
    full.run("dvc", "commit", "--force")
    assert lock.read_bytes() == recorded
    assert "up to date" in full.run("dvc", "status").stdout
