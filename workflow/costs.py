"""Keep what each job of the run in params.yaml took: Snakemake's measurements, into benchmarks/RUN.csv.

A job that was measured before keeps its row, one that the params ask for no more loses it: so a run may be
made a part at a time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from semrobust.pipeline.files import write_text
from semrobust.pipeline.plan import ROOT, Plan

PARAMS = [Path("params.yaml")]
JOB = ["step", "name", "key"]
COLUMNS = {"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "memory_mb"}


def measured(plan: Plan) -> pd.DataFrame:
    """One row per artifact of the plan that Snakemake made here: `step`, `name`, `key` and what it took."""
    rows = []
    for artifact in plan:
        path = ROOT / plan.run / "benchmarks" / artifact.kind / f"{artifact.name}-{artifact.key}.tsv"
        if path.exists():
            took = pd.read_csv(path, sep="\t", na_values="NA").iloc[-1]
            about = {"step": artifact.kind, "name": artifact.name, "key": artifact.key}
            rows.append(about | {ours: took[theirs] for theirs, ours in COLUMNS.items()})
    return pd.DataFrame(rows, columns=[*JOB, *COLUMNS.values()])


def merged(before: pd.DataFrame, now: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Both, in the plan's order; what was measured last counts."""
    every = pd.concat([before, now]).drop_duplicates(JOB, keep="last")
    asked = pd.DataFrame([(artifact.kind, artifact.name, artifact.key) for artifact in plan], columns=JOB)
    return asked.merge(every)


def main() -> int:
    """Return 0, after a line with what is known."""
    plan = Plan.current(PARAMS)
    path = Path("benchmarks") / f"{plan.run}.csv"
    found = measured(plan)
    if path.exists():
        found = merged(pd.read_csv(path, dtype={"key": str}), found, plan)
    write_text(path, found.to_csv(index=False, float_format="%.4g"))
    print(f"{path}: {len(found)} of {len(list(plan))} jobs, {found['cpu_seconds'].sum() / 3600:.1f} CPU-hours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
