"""Keep what each job of the run in params.yaml took: Snakemake's measurements, into benchmarks/RUN.csv.

A job that was measured before keeps its row, one that the params ask for no more loses it: so a run may take several
sessions.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from semrobust.pipeline.files import write_text
from semrobust.pipeline.plan import ROOT, Plan

PARAMS = [Path("params.yaml")]
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
    return pd.DataFrame(rows, columns=["step", "name", "key", *COLUMNS.values()])


def merged(before: pd.DataFrame, now: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Both, in the plan's order; what was measured last counts."""
    every = pd.concat([before, now]).drop_duplicates(["step", "name", "key"], keep="last")
    order = {(artifact.kind, artifact.name, artifact.key): at for at, artifact in enumerate(plan)}
    at = pd.Series([order.get(key, -1) for key in every[["step", "name", "key"]].itertuples(index=False, name=None)])
    return every.reset_index(drop=True)[at >= 0].assign(at=at[at >= 0]).sort_values("at").drop(columns="at")


def main() -> int:
    """Return 0, after a line with what is known."""
    plan = Plan.current(PARAMS)
    path = Path("benchmarks") / f"{plan.run}.csv"
    now = measured(plan)
    before = pd.read_csv(path, dtype={"key": str}) if path.exists() else now.iloc[:0]
    found = merged(before, now, plan)
    write_text(path, found.to_csv(index=False, float_format="%.4g"))
    print(f"{path}: {len(found)} of {len(list(plan))} jobs, {found['cpu_seconds'].sum() / 3600:.1f} CPU-hours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
