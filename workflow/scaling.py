"""What a preset costs, from what jobs were measured to cost (benchmarks/jobs.csv): docs/scaling.md quotes it.

    python workflow/scaling.py params/paper.yaml

The jobs and what waits for what come from a dry run of Snakemake, times and sizes from `semrobust.pipeline.effort`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

from semrobust.config.params import Params, load
from semrobust.config.registry import SYSTEMS
from semrobust.pipeline import costs, effort
from semrobust.pipeline.effort import Estimate, JobName

RULES_OF_NETWORKS = ("train", "attack", "noise", "limits", "criteria")


def main(overlays: list[str]) -> int:
    """Print the tables; returns 0."""
    params = load([effort.REFERENCE, *map(Path, overlays)])
    estimates = effort.estimate(params, costs.read())
    waits = dependencies(overlays)
    table(estimates)
    path = critical_path(waits, estimates)
    hours = sum(estimates[job].seconds for job in path) / 3600
    print(f"\ncritical path, {hours:.1f} hours:")
    for rule, name in path:
        if estimates[rule, name].seconds >= 60:
            print(f"  {rule} {name}: {estimates[rule, name].seconds / 3600:.1f} h")
    print(f"\n{sum(one.seconds * one.threads for one in estimates.values()) / 3600 / hours:.1f} cores busy on average")
    networks = {job: one for job, one in estimates.items() if job[0] in RULES_OF_NETWORKS and has_network(params, job)}
    print("\nof networks, for which a GPU would be used:\n")
    table(networks)
    basis: defaultdict[str, float] = defaultdict(float)
    for one in estimates.values():
        basis[one.basis] += one.seconds * one.threads / 3600
    print("\ncore hours by basis: " + ", ".join(f"{name} {spent:.1f}" for name, spent in basis.items()))
    return 0


def has_network(params: Params, job: JobName) -> bool:
    """Whether the system that a job is about has a network that learned, itself or behind its chain."""
    system = params.systems[job[1].partition(".")[0]]
    return SYSTEMS[system.kind].trainable or (job[0] != "train" and params.task(job[1].partition(".")[0]) == "class")


def table(estimates: dict[JobName, Estimate]) -> None:
    """Print a table with a row for each rule, and one for all."""
    print("| rule | jobs | core hours | longest job, hours | of it | GB |\n| --- | --- | --- | --- | --- | --- |")
    for rule in dict.fromkeys(rule for rule, _ in estimates):
        print(line(rule, {job: one for job, one in estimates.items() if job[0] == rule}))
    print(line("all", estimates))


def line(title: str, jobs: dict[JobName, Estimate]) -> str:
    """A row of the table."""
    spent = sum(one.seconds * one.threads for one in jobs.values()) / 3600
    (_, name), longest = max(jobs.items(), key=lambda item: item[1].seconds)
    size = sum(one.output_bytes for one in jobs.values()) / 1e9
    return f"| {title} | {len(jobs)} | {spent:.1f} | {longest.seconds / 3600:.2f} | {name} | {size:.2f} |"


def dependencies(overlays: list[str]) -> dict[JobName, set[JobName]]:
    """The jobs that each job waits for, from the inputs and outputs that a dry run of all jobs names."""
    command = ["snakemake", "-n", "--forceall", "all", *(["--configfile", *overlays] if overlays else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    made_by: dict[str, JobName] = {}
    inputs: dict[JobName, list[str]] = {}
    for block in re.split(r"\n(?=(?:local)?rule \w+:)", done.stdout + done.stderr)[1:]:
        fields = dict(re.findall(r"^    (\w+): (.*)$", block, re.M))
        log = re.fullmatch(r"data/\w+/logs/(\w+)(?:/([\w.]+))?\.log", fields.get("log", ""))
        if log:
            job = log[1], log[2] or log[1]
            inputs[job] = fields.get("input", "").split(", ")
            made_by |= dict.fromkeys(fields["output"].split(", "), job)
    return {job: {made_by[name] for name in names if name in made_by} for job, names in inputs.items()}


def critical_path(waits: dict[JobName, set[JobName]], estimates: dict[JobName, Estimate]) -> list[JobName]:
    """The chain of jobs that takes longest however many run at once."""
    ready: dict[JobName, float] = {}
    for job in TopologicalSorter(waits).static_order():
        ready[job] = estimates[job].seconds + max((ready[before] for before in waits[job]), default=0.0)
    path = [max(ready, key=lambda job: ready[job])]
    while waits[path[-1]]:
        path.append(max(waits[path[-1]], key=lambda job: ready[job]))
    return path[::-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
