"""A real disk of a few megabytes in memory, to be filled up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs mounted at `root`."""

    root: Path

    @property
    def _ballast(self) -> Path:
        return self.root / "ballast"

    def fill(self, leaving: int = 0) -> None:
        """Use up all room but for `leaving` bytes, in whole blocks."""
        self.free()
        room = os.statvfs(self.root)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - -(-leaving // _BLOCK) * _BLOCK)

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(root: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk, which only root may; else the test is skipped, or fails where SEMROBUST_CI is set."""
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(root)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        reason = f"a small disk cannot be mounted here: {mounted.stderr.strip()}"
        if os.environ.get("SEMROBUST_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def pages(*files: Path) -> int:
    """Bytes that files take on such a disk."""
    return sum(-(-file.stat().st_size // _BLOCK) * _BLOCK for file in files)
