"""How long the jobs of a run take on the machine where `benchmarks/jobs.csv` was measured.

A job of a preset that was measured takes what it took. Any other is taken from the reference run (params.yaml), scaled
by how much more it has to do: epochs, images, SNRs, steps. Sizes of networks do not enter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semrobust.config.params import Params, load
from semrobust.pipeline import dag, outputs
from semrobust.pipeline.costs import Cost

REFERENCE = Path("params.yaml")
_ALL_TRAINING, _ALL_TEST = 50_000, 10_000  # images of CIFAR-10
_OF_ONE_SIZE = ("train", "structure", "figure", "gallery")  # rules whose outputs do not grow with what they do
_SAME_KINDS, _SAME_JOB = 3, 4  # likeness
_START_UP = 3.0  # seconds of a job that hardly does more than start Python and import torch: the shortest of the table

JobName = tuple[str, str]
"""Rule and name."""


@dataclass(frozen=True)
class Estimate:
    """What one job is expected to take: wall time in seconds and bytes of its outputs.

    `basis`: "measured", "scaled" from the same job of the reference run, or from one "alike" of the same rule.
    """

    seconds: float
    output_bytes: float
    threads: int
    basis: str


def jobs(params: Params) -> list[JobName]:
    """All jobs of a run, as its rules have them."""
    return list(dag.nodes(params))


def estimate(params: Params, measured: Iterable[Cost], reference: Params | None = None) -> dict[JobName, Estimate]:
    """Estimates for all jobs of a run, in the order of `jobs`; `reference` is the run that rows are scaled from."""
    reference = reference or load([REFERENCE])
    table = {(cost.preset, cost.rule, cost.name): cost for cost in measured}
    return {job: _estimate(params, job, table, reference) for job in jobs(params)}


def _estimate(params: Params, job: JobName, table: dict[tuple[str, str, str], Cost], reference: Params) -> Estimate:
    rule, name = job
    if cost := table.get((params.run, rule, name)):
        seconds = max(cost.alone_seconds, min(cost.seconds, _START_UP))  # what is that short was hardly sampled
        return Estimate(seconds, cost.output_bytes, cost.threads, "measured")
    rows = [cost for (run, of, _), cost in table.items() if (run, of) == (reference.run, rule)]
    if not rows:
        return Estimate(_START_UP, 0, 1, "alike")
    likeness = {cost: _likeness(params, job, cost, reference) for cost in rows}
    best = max(likeness.values())
    alike = sorted((cost for cost in rows if likeness[cost] == best), key=lambda cost: cost.alone_seconds)
    cost = alike[len(alike) // 2]
    if best >= _SAME_KINDS:
        ratio = work(params, rule, name) / work(reference, rule, cost.name)
    else:  # its amount of work is another one's: take how that grows
        ratio = (
            work(params, rule, cost.name) / work(reference, rule, cost.name) if _exists(params, rule, cost.name) else 1
        )
    size = cost.output_bytes * (1 if rule in _OF_ONE_SIZE else ratio)
    basis = "scaled" if best == _SAME_JOB else "alike"
    return Estimate(max(_START_UP, cost.alone_seconds * ratio), size, cost.threads, basis)


def _likeness(params: Params, job: JobName, cost: Cost, reference: Params) -> int:
    """How much a measured job of the same rule is like `job`: the same, or of the same kinds of attack and system."""
    rule, name = job
    if cost.name == name:
        return _SAME_JOB
    attack, system = (
        mine == its for mine, its in zip(_kinds(params, rule, name), _kinds(reference, rule, cost.name), strict=True)
    )
    return 2 * attack + system


def _kinds(params: Params, rule: str, name: str) -> tuple[str, str]:
    """Kinds of the attack and of the system that a job is about; a table's and a figure's is its name."""
    if rule in ("table", "figure", "gallery", "dataset"):
        return "", name
    system, _, attack = name.partition(".")
    kind = params.systems[system].kind if system in params.systems else ""
    return params.attacks[attack].kind if attack in params.attacks else "", kind


def _exists(params: Params, rule: str, name: str) -> bool:
    return (rule, name) in jobs(params)


def work(params: Params, rule: str, name: str) -> float:
    """How much a job has to do, in a unit that is the same for all runs: what its time is in proportion to."""
    recognition, snrs = params.recognition, len(params.link.snr_db)
    match rule:
        case "train":
            return _training(params, getattr(params.systems[name], "training", None))
        case "clean":
            return snrs * (params.data.test_images or _ALL_TEST)
        case "fading":
            return snrs * len(params.channels) * recognition.images
        case "attack":
            return snrs * params.evaluation.attack_images * _steps(params.section("attacks", name.partition(".")[2]))
        case "limits":
            return snrs * params.evaluation.attack_images
        case "criteria":
            settings = [params.section("criteria", "attacks", attack) for attack in params.criterion_attacks(name)]
            return len(params.criteria.snr_db) * params.criteria.images * sum(map(_steps, settings))
        case "noise":
            named = [recognition.noise[noise] for noise in params.noise_against(name)]
            return recognition.images * (
                1 + sum(len(n.epsilon_levels) * n.iterations * n.restarts * n.samples for n in named)
            )
        case "accuracy":
            return recognition.images * len(params.channels) * len(recognition.snr_db)
        case "table":
            if name in outputs.OF_CLEAN_SAMPLES:
                return params.data.test_images or _ALL_TEST
            if name == outputs.OF_FADING or name in outputs.RECOGNITION_TABLES:
                return recognition.images
            if name in outputs.CRITERIA_TABLES:
                return params.criteria.images
            return 1 if name in (outputs.OF_STRUCTURES, outputs.COMPARISON) else params.evaluation.attack_images
    return 1


def images_of_epoch(params: Params, schedule: Any) -> int:
    """Images that an epoch of a training passes, whole batches."""
    all_images = params.data.train_images or _ALL_TRAINING - params.data.validation_images
    images = getattr(schedule, "images", None) or all_images
    batch = int(schedule.batch)
    return max(1, int(images) // batch) * batch


def _training(params: Params, schedule: Any) -> float:
    """Images that a training passes forward and back: each step of noise on images or weights is one more pass."""
    if schedule is None:
        return 1
    adversarial = getattr(schedule, "adversarial", None)
    passes = 1 if adversarial is None else 1 + adversarial.iterations + bool(adversarial.weight_perturbation)
    return float(schedule.epochs * images_of_epoch(params, schedule) * passes)


def _steps(attack: dict[str, Any]) -> float:
    """Steps that an attack may take, as far as its settings set a number of them."""
    return math.prod(float(attack.get(key, 1)) for key in ("searches", "starts", "iterations", "max_steps"))
