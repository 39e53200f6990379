"""Locks between real processes: one at a time, the other waits or refuses, and a kill frees the lock."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.errors import ArtifactError, BusyError
from semrobust.pipeline import locks

HOLD = """
import subprocess, sys, time
from pathlib import Path
from semrobust.pipeline import locks
locks.hold(Path(sys.argv[1]), "the run")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""

MAKE = """
import sys, time
from pathlib import Path
from semrobust.pipeline import locks
lock, out = map(Path, sys.argv[1:3])
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    with locks.alone(lock, "the model"):
        number = int(out.read_text())
        time.sleep(0.001)
        out.write_text(str(number + 1))
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_second_one_is_refused_with_the_first_ones_number_until_that_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "run.lock"
    first = start(HOLD, str(lock))
    assert first.stdout
    child = int(first.stdout.readline())
    try:
        with pytest.raises(
            BusyError, match=f"the run is being worked on by process {first.pid}. Wait until it has ended"
        ):
            locks.hold(lock, "the run")
    finally:
        first.kill()
        first.wait()
    try:  # its child lives on and has not inherited the lock
        with locks.alone(lock, "the run"):
            assert lock.read_text() != str(first.pid)
    finally:
        subprocess.run(["kill", str(child)], check=True)
        first.stdout.close()


def test_makers_of_one_thing_take_turns_and_say_for_whom_they_wait(tmp_path: Path) -> None:
    lock, out = tmp_path / "a.lock", tmp_path / "number"
    out.write_text("0")
    with locks.alone(lock, "the model"):
        makers = [start(MAKE, str(lock), str(out), "50") for _ in range(2)]
        said = []
        for maker in makers:
            assert maker.stderr
            said.append(maker.stderr.readline())  # each waits, so nothing has changed
        assert out.read_text() == "0"
    for maker, line in zip(makers, said, strict=True):
        assert line.startswith("semrobust: process ")
        assert line.endswith("is making the model; waiting for its end\n")
        assert maker.communicate(timeout=60)
        assert maker.returncode == 0
    assert out.read_text() == "100"


def test_a_maker_that_is_killed_lets_the_next_one_in(tmp_path: Path) -> None:
    lock, out = tmp_path / "a.lock", tmp_path / "number"
    out.write_text("0")
    endless = start(MAKE, str(lock), str(out), "1000000000")
    assert endless.stdout
    endless.stdout.readline()
    endless.send_signal(signal.SIGKILL)
    endless.communicate()
    with locks.alone(lock, "the model"):
        pass


def test_a_lock_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(ArtifactError, match=r"cannot write .*run\.lock"):
        locks.hold(tmp_path / "locks" / "run.lock", "the run")
