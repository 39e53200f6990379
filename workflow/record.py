"""Write the state of a finished run into dvc.lock, with its training curves; refuse if anything is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from live import Curves

from semrobust.errors import ArtifactError, SemrobustError
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import asked, is_made, is_published

PARAMS = [Path("params.yaml")]
_SHOWN = 5


def finished() -> Plan:
    """The plan of the run in params.yaml; raises ArtifactError if any of it is not made, or not published."""
    plan = Plan.current(PARAMS)
    missing = [str(artifact.path()) for artifact in asked(plan) if not is_made(artifact)]
    missing += [f"{artifact.plain_stem}{artifact.suffixes[0]}" for artifact in plan if not is_published(artifact)]
    if missing:
        raise ArtifactError(f"missing or altered: {listed(missing)}. Run `snakemake --cores all all` first.")
    return plan


def listed(names: list[str]) -> str:
    """The first few of them, in words."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def main() -> int:
    """Return 0 when recorded, 1 when something is missing or DVC fails."""
    try:
        plan = finished()
    except SemrobustError as error:
        print(f"Not recorded: {error}", file=sys.stderr)
        return error.exit_code
    plan.write()
    curves = Curves(plan)
    curves.write(curves.recorded())
    return subprocess.run(["dvc", "commit", "--force"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
