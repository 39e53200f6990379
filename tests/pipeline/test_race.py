"""What benchmarks rest on: ways that are timed in turns and apart, and memory that is kept."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import partial

import pytest

from semrobust.errors import UsageError
from semrobust.pipeline.race import Step, race

FAULTS = """
import resource, sys
from semrobust.pipeline import memory
if sys.argv[1] == "kept":
    memory.keep()
def work():
    return [bytes(16 * 2**20) for _ in range(4)]
for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def other_process(parent: int, passes: int) -> Step:
    assert os.getpid() != parent
    return partial(sum, range(passes))


def refuses() -> Step:
    raise UsageError("cannot begin")


def test_each_way_is_timed_in_a_process_of_its_own() -> None:
    told: list[str] = []
    ways = {name: partial(other_process, os.getpid(), passes) for name, passes in (("slow", 10**6), ("quick", 10))}
    found = race(ways, 3, 2, told.append)
    assert list(found) == ["slow", "quick"]
    assert len(told) == 3
    assert found["slow"]["ratio_range"] == [1.0, 1.0]
    for one in found.values():
        low, high = one["ratio_range"]
        assert low <= one["ratio"] <= high
        assert one["seconds"] > 0


def test_a_way_that_cannot_begin_says_why() -> None:
    with pytest.raises(UsageError, match="cannot begin"):
        race({"never": refuses}, 1, 1, lambda _: None)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_is_kept_is_not_fetched_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "given back")
    }
    assert faults["kept"] * 10 < faults["given back"]
