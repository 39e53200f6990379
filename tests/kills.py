"""Kill a process of a project at a given moment, and see what it left. Used by tests and by `tests.faults`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import psutil

from tests.workflow.project import Project

Ready = Callable[[], bool]


class TooLate(Exception):
    """The command had ended before the moment came."""


def wait_until(ready: Ready, running: Popen[str], every_s: float = 0.1) -> None:
    """Poll until `ready`; raises TooLate if the command ends first, AssertionError after a quarter of an hour."""
    deadline = time.monotonic() + 900
    while not ready():
        if running.poll() is not None:
            raise TooLate(f"exit code {running.returncode}")
        assert time.monotonic() < deadline
        time.sleep(every_s)


def pause(seconds: float, running: Popen[str]) -> None:
    """Let the command run on; raises TooLate if it ends."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, running)


def of_project(project: Project) -> list[psutil.Process]:
    """Live processes that work in the project's folder, shells left out."""
    found = []
    for process in psutil.process_iter():
        try:
            program = Path(process.cmdline()[1]).name if Path(process.cwd()) == project.root else ""
            if program in ("semrobust", "snakemake", "dvc") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def name(process: psutil.Process) -> str:
    """What a process does, as a person would type it: "train vit", "snakemake"."""
    try:
        program, *arguments = process.cmdline()[1:]
    except (psutil.NoSuchProcess, ValueError):
        return "ended"
    if Path(program).name != "semrobust":
        return Path(program).name
    ends = [arguments.index(word) for word in ("--params", "--plan") if word in arguments]
    return " ".join(arguments[: min(ends, default=len(arguments))])


def jobs(project: Project) -> list[psutil.Process]:
    """Live jobs of the project: calls of `semrobust`."""
    return [process for process in of_project(project) if name(process) not in ("snakemake", "dvc", "ended")]


def training(project: Project, system: str) -> psutil.Process | None:
    """The process that trains `system`, if there is one."""
    return next((process for process in jobs(project) if name(process) == f"train {system}"), None)


def finished_jobs(output: Path) -> int:
    """Number of jobs that Snakemake has reported as finished."""
    return output.read_text(encoding="utf-8").count("Finished jobid")


def kill(running: Popen[str], with_children: bool) -> None:
    """SIGKILL a command that `Project.start` started: its whole session, or it alone."""
    if with_children:
        os.killpg(running.pid, signal.SIGKILL)
    else:
        running.kill()
    running.wait()


def litter(project: Project) -> list[str]:
    """Half-written files in folders of outputs."""
    return sorted(
        path.relative_to(project.root).as_posix()
        for folder in ("data/ci", "figures/ci")
        for path in (project.root / folder).rglob(".*")
        if "scratch" not in path.parts and path.name != ".gitignore"
    )
