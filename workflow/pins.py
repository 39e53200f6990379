"""Take the versions in environment.yml from requirements.lock, the one place that pins (`make lock` calls this)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOCK, CONDA = Path("requirements.lock"), Path("environment.yml")


def pinned(environment: str, lock: str) -> str:
    """The text of environment.yml with every `- NAME=VERSION` as the lock has it; what the lock lacks stays."""
    versions = dict(re.findall(r"^([\w.-]+)==(\S+)$", lock, flags=re.M))
    return re.sub(
        r"^(\s*- )([\w.-]+)=([\w.]+)$",
        lambda line: f"{line[1]}{line[2]}={versions.get(line[2], line[3])}",
        environment,
        flags=re.M,
    )


def main() -> int:
    """Rewrite environment.yml; returns 0."""
    CONDA.write_text(pinned(CONDA.read_text(encoding="utf-8"), LOCK.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
