"""Write the state of a finished `snakemake all` into dvc.lock, and its training curves; refuse if anything is stale."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from live import Curves

from semrobust.config.params import load


def main() -> int:
    """Return 0 when recorded, 1 when something is stale or DVC fails."""
    plan = subprocess.run(["snakemake", "-n", "all"], capture_output=True, text=True, check=False)
    said = plan.stdout + plan.stderr
    if plan.returncode != 0 or "Nothing to be done" not in said:
        print(said, file=sys.stderr)
        print("Not recorded: something is stale. Run `snakemake --cores all all` first.", file=sys.stderr)
        return 1
    curves = Curves(load([Path("params.yaml")]))
    curves.write(curves.recorded())
    return subprocess.run(["dvc", "commit", "--force"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
