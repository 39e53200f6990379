"""What the papers' scale would cost, by step: from what jobs of this run took, into benchmarks/scaling.csv.

A job of `paper` is expected to take what the same job of the run took, times the ratio of its images, of its epochs,
and of the operations that a network of other sizes needs per image.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from semrobust.config.params import Params, load
from semrobust.pipeline.files import write_text
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.systems.checkpoint import kind_of
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Draw

RUN = [Path("params.yaml")]
PAPER = [*RUN, Path("params/paper.yaml")]


def operations(params: Params, name: str) -> int:
    """Floating-point operations for one image, once through a network that classifies; 1 for all others.

    Those of `paper` that reconstruct what was sent have the sizes of the run.
    """
    kind: Any = kind_of(params.section("systems", name))
    if not issubclass(kind, ClassifyingSystem) or not kind.trainable:
        return 1
    system = kind.create(params.systems[name], params.link_of(name).real_uses, 0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        system.learn(torch.rand(1, 3, 32, 32), torch.zeros(1).long(), None, Draw(0, torch.zeros(1).long()))
    return max(1, int(counter.get_total_flops()))


def work(params: Params, artifact: Artifact) -> float:
    """How much a job has to do: images, times epochs of a training, times operations of a network per image."""
    name = artifact.name.partition(".")[0]
    if name not in params.systems:
        return 1.0
    states, data = params.csi.samples, params.data
    of_states = params.task(name) == "csi"
    if artifact.kind == "train":
        training = artifact.settings["system"].get("training") or {}
        images = training.get("images") or (states.train if of_states else data.trained)
        return float(training.get("epochs", 0) * images or 1) * operations(params, name)
    if "dataset" not in {need.partition("/")[0] for need in artifact.needs}:
        return 1.0  # of a code, once
    tested = states.test if of_states else data.tested
    return float(artifact.settings.get("images", tested)) * operations(params, name)


def scaled(measured: pd.DataFrame, run: Params, paper: Params) -> pd.DataFrame:
    """One row per step: `jobs` of the run, how many were `measured`, `cpu_hours`, the `longest_minutes`, `memory_mb`,
    `paper_cpu_hours`, what those that were measured would take at the papers' scale, and `paper_network_hours`, those
    of it that a GPU could take over: of jobs that run a network."""
    here, there = Plan.of(run), Plan.of(paper)

    def times(artifact: Artifact) -> float:
        """As long as here, where the papers' scale has no such job."""
        other = there.artifacts.get(artifact.address)
        return 1.0 if other is None else work(paper, other) / work(run, artifact)

    rows = [
        {"step": artifact.kind, "name": artifact.name, "times": times(artifact), "network": artifact.gpu}
        for artifact in here
    ]
    jobs = pd.DataFrame(rows).merge(measured, how="left", on=["step", "name"])
    jobs["cpu_hours"], jobs["longest_minutes"] = jobs["cpu_seconds"] / 3600, jobs["seconds"] / 60
    jobs["paper_cpu_hours"] = jobs["times"] * jobs["cpu_hours"]
    jobs["paper_network_hours"] = jobs["paper_cpu_hours"].where(jobs["network"] > 0, 0.0)
    return jobs.groupby("step", sort=False, as_index=False).agg(
        jobs=("name", "size"),
        measured=("seconds", "count"),
        cpu_hours=("cpu_hours", "sum"),
        longest_minutes=("longest_minutes", "max"),
        memory_mb=("memory_mb", "max"),
        paper_cpu_hours=("paper_cpu_hours", "sum"),
        paper_network_hours=("paper_network_hours", "sum"),
    )


def main() -> int:
    """Return 0, after a line with the sum."""
    run, paper = load(RUN), load(PAPER)
    found = scaled(pd.read_csv(Path("benchmarks") / f"{run.run}.csv"), run, paper)
    path = Path("benchmarks") / "scaling.csv"
    write_text(path, found.to_csv(index=False, float_format="%.4g"))
    hours = found[["cpu_hours", "paper_cpu_hours"]].sum()
    print(f"{path}: {hours['cpu_hours']:.1f} CPU-hours, {hours['paper_cpu_hours']:.0f} at the papers' scale")
    return 0


if __name__ == "__main__":
    sys.exit(main())
