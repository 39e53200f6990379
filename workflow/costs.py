"""What jobs cost: collect the measurements of finished runs into benchmarks/jobs.csv.

    python workflow/costs.py [FOLDER...]             of the runs in this checkout, or in others
    python workflow/costs.py --sample [FOLDER...]    of jobs made with the overlay benchmarks/sample.yaml, as `sample`

A job's measurement counts if the artifact in this checkout was made by that very job: same settings and code. Rows of
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

from semrobust.config.params import Params, load, read_yaml
from semrobust.config.registry import SYSTEMS
from semrobust.pipeline import costs, effort
from semrobust.pipeline.costs import Cost
from semrobust.pipeline.effort import JobName

REFERENCE = Path("params.yaml")
BENCH = Path("benchmarks")
SAMPLE = "sample"

Measured = dict[JobName, dict[str, Any]]
"""Fields of a `Cost`, of which `seconds` and `source` are always there."""
Records = dict[JobName, dict[str, Any]]

_LOG = re.compile(r"data/(\w+)/logs/(\w+)(?:/([\w.]+))?\.log")
_EPOCH = re.compile(r"^(\w+): epoch (\d+)/(\d+) .* ([\d.]+) s$", re.M)


def main(arguments: list[str]) -> int:
    """Update the table; returns 0."""
    sampled = "--sample" in arguments
    folders = [Path(argument) for argument in arguments if argument != "--sample"] or [Path()]
    known = costs.read() if costs.TABLE.exists() else []
    table = {(cost.preset, cost.rule, cost.name): cost for cost in known}
    for run, params_files in presets().items():
        here = records(Path(), run)
        if not here:
            continue
        params = load(params_files)
        for folder in folders:
            measured = of_benchmarks(folder, run) if sampled else of_run(folder, run, params, here)
            for (rule, name), fields in measured.items():
                sizes = [path.stat().st_size for path in map(Path, here[rule, name]["outputs"]) if path.exists()]
                fields |= {"threads": threads(params, rule, name), "output_bytes": sum(sizes)}
                key = SAMPLE if sampled else run, rule, name
                learns = rule == "train" and SYSTEMS[params.systems[name].kind].trainable
                table[key] = newer(table.get(key), Cost(preset=key[0], rule=rule, name=name, **fields), learns)
    costs.write(table.values())
    print(f"{costs.TABLE}: {len(table)} jobs")
    return 0


def presets() -> dict[str, list[Path]]:
    """Params files of each run: params.yaml, or an overlay on it."""
    overlays = {str(read_yaml(path)["run"]): [REFERENCE, path] for path in sorted(Path("params").glob("*.yaml"))}
    return {str(read_yaml(REFERENCE)["run"]): [REFERENCE]} | overlays


def newer(old: Cost | None, new: Cost, learns: bool) -> Cost:
    """Both measurements of a job together: the largest memory, and the shortest time, which others disturbed least.

    Of trainings the longest: one that was resumed says nothing of the whole.
    """
    if old is None:
        return new
    first = max(old, new, key=_seconds) if learns else min(old, new, key=_seconds)
    memory = [cost.max_rss_mb for cost in (old, new) if cost.max_rss_mb is not None]
    busy = [cost.cpu_seconds for cost in (old, new) if cost.cpu_seconds is not None]
    return dataclasses.replace(
        new,
        seconds=first.seconds,
        source=first.source,
        max_rss_mb=max(memory, default=None),
        cpu_seconds=(max if learns else min)(busy, default=None),
    )


def _seconds(cost: Cost) -> float:
    return cost.seconds


def records(folder: Path, run: str) -> Records:
    """Records of a run in a checkout, by job."""
    found = {}
    for path in [*folder.glob(f"data/{run}/**/*.json"), *folder.glob(f"figures/{run}/*.json")]:
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


def of_run(folder: Path, run: str, params: Params, here: Records) -> Measured:
    """All that a checkout has measured of the jobs that made what lies here, the best source last."""
    there = records(folder, run)
    same = {job for job in there.keys() & here.keys() if there[job]["job"]["key"] == here[job]["job"]["key"]}
    measured = of_metadata(folder, run, here)
    measured |= of_epochs(folder, run, params)
    measured |= of_bench(params)
    benchmarks = of_benchmarks(folder, run)
    measured |= {job: benchmarks[job] for job in benchmarks.keys() & same}
    return {job: fields for job, fields in measured.items() if job in here}


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


def of_metadata(folder: Path, run: str, here: Records) -> Measured:
    """Wall times that Snakemake's metadata in a checkout has of the jobs that made what lies here."""
    measured: Measured = {}
    for path in sorted(folder.glob(".snakemake/metadata/*")):
        metadata = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"log": []}
        found = _LOG.fullmatch(metadata["log"][0]) if metadata["log"] else None
        if found and found[1] == run:
            job, seconds = (found[2], found[3] or found[2]), metadata["endtime"] - metadata["starttime"]
            # what `--touch` has noted took no time
            if seconds > 0 and job in here and here[job]["job"]["key"] in str(metadata["params"]):
                measured[job] = {"seconds": seconds, "source": "metadata"}
    return measured


def of_epochs(folder: Path, run: str, params: Params) -> Measured:
    """Wall times of the trainings that logs in a checkout show in full: the median epoch, as often as there are epochs.

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


def of_bench(params: Params) -> Measured:
    """Jobs that `semrobust bench` (`trainings`, `power`) timed on an idle machine with the settings of this run."""
    measured: Measured = {}
    trainings, power = (_timed(name) for name in ("hu2022_trainings", "carlini_wagner"))
    for name, system in trainings.get("systems", {}).items():
        schedule = getattr(params.systems.get(name), "training", None)
        if schedule and schedule.epochs * effort.images_of_epoch(params, schedule) == system["images"]:
            measured["train", name] = {"seconds": 3600 * system["hours"], "source": "bench"}
    if power and params.section("attacks").get(power["attack"]) == power["settings"]:
        ratio = params.evaluation.attack_images * len(params.link.snr_db) / power["images"]
        seconds = power["seconds"] * power["threads"] / params.compute.job_threads * ratio
        measured["attack", f"{power['system']}.{power['attack']}"] = {"seconds": seconds, "source": "bench"}
    return measured


def _timed(name: str) -> dict[str, Any]:
    path = BENCH / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
