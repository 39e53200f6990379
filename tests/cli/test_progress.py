"""Bars on a terminal, a few lines in a file: real processes, whose standard error is one or the other."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.conftest import Call

COUNT = """
import sys
from semrobust.cli import progress
progress.in_lines()
from tqdm import tqdm
for _ in tqdm(range(100_000), desc="counting", disable=None):
    pass
for _ in tqdm(range(100_000), desc="in silence", disable=True):
    pass
bar = tqdm(total=2048, initial=1024, unit="B", unit_scale=True, desc="bytes", disable=None)
for _ in range(1024):
    bar.update(1)
bar.close()
"""


def environment(interval: str | None) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TQDM_")}
    return kept if interval is None else kept | {"TQDM_MININTERVAL": interval}


def to_file(folder: Path, *command: str, interval: str | None = None) -> str:
    """Run a command and return what it wrote to standard error, a file."""
    log = folder / "log"
    with log.open("wb") as file:
        subprocess.run(command, stdout=file, stderr=file, env=environment(interval), cwd=folder, check=True)
    return log.read_bytes().decode()


def to_terminal(folder: Path, *command: str) -> str:
    """Run a command and return what it wrote to standard error, a pseudo-terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=slave, env=environment(None), cwd=folder
    ) as process:
        os.close(slave)
        said = b""
        try:
            while part := os.read(master, 1 << 16):
                said += part
        except OSError:  # how Linux says that nobody holds the other end any more
            pass
    os.close(master)
    assert process.returncode == 0, said
    return said.decode()


def test_a_short_count_leaves_nothing_in_a_file(tmp_path: Path) -> None:
    assert to_file(tmp_path, sys.executable, "-c", COUNT) == ""


def test_a_long_count_leaves_a_line_now_and_then(tmp_path: Path) -> None:
    said = to_file(tmp_path, sys.executable, "-c", COUNT, interval="0.001")
    assert "\r" not in said
    lines = said.splitlines()
    assert 2 <= len(lines) < 2000
    assert "silence" not in said
    counting = [line for line in lines if line.startswith("counting: ")]
    assert "100000/100000 [" in counting[-1]
    assert all(line.startswith("bytes: ") and "/2.05k [" in line for line in lines[len(counting) :])


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    said = to_terminal(tmp_path, sys.executable, "-c", COUNT)
    assert "\rcounting: 100%|" in said
    assert "silence" not in said


@pytest.mark.slow
def test_a_job_of_the_workflow_writes_lines_into_its_log(call: Call, project: Path) -> None:
    """A training: one line per epoch, and every so often how long it still takes."""
    assert call("data").exit_code == 0
    said = to_file(project, str(Path(sys.executable).parent / "semrobust"), "train", "deepjscc", interval="0")
    assert "\r" not in said
    lines = said.splitlines()
    assert sum(line.startswith("deepjscc: epoch ") for line in lines) == 2
    others = [line.split(" [")[0] for line in lines if "epoch " not in line]
    *counted, made = others
    assert counted == ["train deepjscc: 1/2", "train deepjscc: 2/2"]
    assert made.startswith("train/deepjscc: 2 epochs, validation loss ")
