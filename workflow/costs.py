"""What jobs cost: collect the measurements of finished runs into benchmarks/jobs.csv.

    python workflow/costs.py             measurements of the runs in this folder
    python workflow/costs.py FOLDER…     and of other checkouts, whose logs may name other runs too

A job's measurement counts if the artifact in this folder was made by that very job: same settings and code. Rows of
jobs that were not measured anew stay.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

from semrobust.core import costs
from semrobust.core.costs import Cost
from semrobust.core.params import Params, load, read_yaml
from semrobust.core.registry import SYSTEMS

Measured = dict[tuple[str, str], dict[str, Any]]
"""By (rule, name): fields of a `Cost`, of which `seconds` and `source` are always there."""

_LOG = re.compile(r"data/\w+/logs/(\w+)(?:/([\w.]+))?\.log")
_TRAININGS = Path("benchmarks/hu2022_trainings.json")
_EPOCH = re.compile(r"^(\w+): epoch (\d+)/(\d+) .* ([\d.]+) s$", re.M)


def main(folders: list[Path]) -> int:
    """Update the table; returns 0."""
    table = []
    for run, params_files in presets().items():
        params, records = load(params_files), artifacts(run)
        measured = of_table(run)
        if params_files == [Path("params.yaml")]:
            update(measured, of_bench())
        for folder in folders:
            update(measured, of_epochs(folder, run, params))
            update(measured, of_metadata(folder, records))
            update(measured, of_benchmarks(folder, run))
        for (rule, name), fields in measured.items():
            if (rule, name) in records:
                size = sum(path.stat().st_size for path in map(Path, records[rule, name]["outputs"]) if path.exists())
                fields |= {"threads": threads(params, rule, name), "output_bytes": size}
            if "output_bytes" in fields:
                table.append(Cost(rule=rule, name=name, preset=run, **fields))
    costs.write(table)
    print(f"{costs.TABLE}: {len(table)} jobs")
    return 0


def update(known: Measured, newer: Measured) -> None:
    """Take over newer measurements; but the time of a training that went on from its last epoch says nothing."""
    for job, fields in newer.items():
        old = known.get(job, {})
        resumed = job[0] == "train" and fields["seconds"] < old.get("seconds", 0)
        known[job] = old | fields | ({"seconds": old["seconds"], "source": old["source"]} if resumed else {})


def of_table(run: str) -> Measured:
    """What is known already."""
    known = costs.read() if costs.TABLE.exists() else []
    rows = {(cost.rule, cost.name): dataclasses.asdict(cost) for cost in known if cost.preset == run}
    return {job: {key: row[key] for key in row if key not in ("rule", "name", "preset")} for job, row in rows.items()}


def presets() -> dict[str, list[Path]]:
    """Params files of each run: params.yaml, or an overlay on it."""
    base = Path("params.yaml")
    overlays = {str(read_yaml(path)["run"]): [base, path] for path in sorted(Path("params").glob("*.yaml"))}
    return {str(read_yaml(base)["run"]): [base]} | overlays


def artifacts(run: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Records of a run in this folder, by rule and name of the job."""
    found = {}
    for path in [*Path("data", run).rglob("*.json"), *Path("figures", run).glob("*.json")]:
        record = json.loads(path.read_text(encoding="utf-8"))
        if "job" in record:
            rule = {"model": "train"}.get(record["job"]["kind"], record["job"]["kind"])
            found[rule, path.stem if rule != "gallery" else rule] = record
    return found


def threads(params: Params, rule: str, name: str) -> int:
    """Threads that the rules give to a job."""
    if rule == "train":
        if params.task(name) != "image":
            return params.compute.recognition_threads
        return params.compute.train_threads if SYSTEMS[params.systems[name].kind].trainable else 1
    return 1 if rule in ("dataset", "structure", "table", "figure") else params.compute.job_threads


def of_metadata(folder: Path, records: dict[tuple[str, str], dict[str, Any]]) -> Measured:
    """Wall times that Snakemake's metadata in `folder` has of the jobs that made what lies here."""
    measured: Measured = {}
    for path in sorted(folder.glob(".snakemake/metadata/*")):
        metadata = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"log": []}
        found = _LOG.fullmatch(metadata["log"][0]) if metadata["log"] else None
        if found:
            job = found[1], found[2] or found[1]
            if job in records and records[job]["job"]["key"] in str(metadata["params"]):
                measured[job] = {"seconds": metadata["endtime"] - metadata["starttime"], "source": "metadata"}
    return measured


def of_epochs(folder: Path, run: str, params: Params) -> Measured:
    """Wall times of the trainings that logs in `folder` show in full: the median epoch, as often as there are epochs.

    The median, because a training that was stopped, or shared its cores for a while, has epochs that took far longer.
    """
    seconds: dict[str, dict[int, float]] = {}
    lengths: dict[str, int] = {}
    for path in [*folder.glob(f"data/{run}/logs/train/*.log"), *folder.glob("*.log")]:
        for name, epoch, of, took in _EPOCH.findall(path.read_text(encoding="utf-8", errors="replace")):
            seconds.setdefault(name, {})[int(epoch)] = float(took)
            lengths[name] = int(of)
    wanted = {name: getattr(system, "training", None) for name, system in params.systems.items()}
    return {
        ("train", name): {"seconds": schedule.epochs * statistics.median(seconds[name].values()), "source": "epochs"}
        for name, schedule in wanted.items()
        if schedule and schedule.epochs == lengths.get(name) and set(seconds[name]) == {*range(1, schedule.epochs + 1)}
    }


def of_bench() -> Measured:
    """Trainings of the reference run whose steps `semrobust bench trainings` has timed."""
    timed = json.loads(_TRAININGS.read_text(encoding="utf-8"))["systems"]
    return {("train", name): {"seconds": 3600 * system["hours"], "source": "bench"} for name, system in timed.items()}


def of_benchmarks(folder: Path, run: str) -> Measured:
    """What Snakemake's benchmark files say; a job that ended before it could be looked at has no memory."""
    measured: Measured = {}
    for path in sorted(folder.glob(f"data/{run}/benchmarks/**/*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            row = list(csv.DictReader(file, delimiter="\t"))[-1]
        values = {key: float(row[key]) if row[key] not in ("NA", "-") else None for key in ("max_rss", "cpu_time")}
        job = (path.stem if path.parent.name == "benchmarks" else path.parent.name), path.stem
        measured[job] = {
            "seconds": float(row["s"]),
            "max_rss_mb": values["max_rss"],
            "cpu_seconds": values["cpu_time"],
            "source": "benchmark",
        }
    return measured


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]] or [Path()]))
