"""One change per top-level section of the params, and what must follow: stages of DVC and jobs of Snakemake.

The table in docs/dvc.md says the same to people; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from semrobust.config.params import Params, validate
from semrobust.config.registry import FIGURES
from semrobust.pipeline import outputs
from tests.pipeline.test_jobs import every_job

Jobs = set[tuple[str, str]]

IMAGE_TABLES = (*outputs.IMAGE_TABLES, outputs.KNOWLEDGE, *outputs.LIMIT_TABLES)
POWER_TABLES = tuple(  # made from attacks
    table
    for table in IMAGE_TABLES
    if table not in (*outputs.OF_CLEAN_SAMPLES, outputs.OF_FADING, outputs.OF_STRUCTURES)
)
LEARNED = ("deepjscc*", "trained_*", "vit", "vit_at", "mae_*", "jpeg_vit_full")  # the last takes over weights
CHAINS = ("hevc_*", "jpeg_ldpc_*", "ladder_*", "ablation_*")
ON_SETS = ("vulnerable_set", "near_codeword", "bp_gradient")  # attacks that know the structure of a code


@dataclass(frozen=True)
class Case:
    """`change` of the params; `stages` that `dvc status` then calls changed; `jobs` that Snakemake plans.

    Jobs are patterns of "RULE NAME". Tables bring the figures that show them, the claims and the headline numbers.
    """

    change: dict[str, Any]
    stages: set[str]
    jobs: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


ALL = {
    "dataset",
    "models",
    "clean",
    "structures",
    "attacks",
    "limits",
    "criteria",
    "recognition",
    "evaluate",
    "figures",
    "report",
}
SECTIONS: dict[str, Case] = {
    "run": Case({"run": "other"}, ALL, ("*",)),
    "seed": Case({"seed": 1}, ALL - {"figures"}, ("*",)),
    "data": Case(
        {"data": {"validation_images": 32}},
        {"dataset", "report"},
        (
            "dataset",
            *(f"train {system}" for system in LEARNED),
            "clean *",
            "fading *",
            "attack *",
            "limits *",
            "criteria *",
            "noise *",
            "accuracy *",
            "gallery",
        ),
        tuple(table for table in outputs.TABLES if table != outputs.OF_STRUCTURES),
    ),
    "link": Case(
        {"link": {"snr_db": [12.0]}},
        {"clean", "attacks", "limits", "evaluate", "report"},
        ("clean *", "fading *", "attack *", "limits *", "gallery"),
        tuple(table for table in IMAGE_TABLES if table != outputs.OF_STRUCTURES),
    ),
    "channels": Case(
        {"channels": {"rician": {"k_factor_db": 3.0}}},
        {"models", "clean", "recognition", "evaluate", "figures", "report"},
        ("accuracy *", "fading *"),
        (outputs.OF_FADING, *outputs.RECOGNITION_TABLES),
    ),
    "systems": Case(
        {"systems": {"trained": {"training": {"epochs": 2}}}},
        ALL - {"dataset"},
        ("train trained_*", "clean trained_*", "criteria trained_*"),
        (*outputs.OF_CLEAN_SAMPLES, *outputs.CRITERIA_TABLES),
    ),
    "attacks": Case(
        {"attacks": {"all_bits": {"bisections": 3}}},
        {"attacks", "limits", "evaluate", "figures", "report"},
        ("attack *.all_bits", "limits hevc_*", "gallery"),
        POWER_TABLES,
    ),
    "structure": Case(
        {"structure": {"trapping_size": 5}},
        {"structures", "attacks", "limits", "criteria", "evaluate", "report"},
        ("structure *", *(f"attack *.{attack}" for attack in ON_SETS), "limits hevc_*", "criteria hevc_*", "gallery"),
        (outputs.OF_STRUCTURES, *POWER_TABLES, *outputs.CRITERIA_TABLES),
    ),
    "evaluation": Case({"evaluation": {"bootstrap_samples": 101}}, {"evaluate", "report"}, (), outputs.TABLES),
    "criteria": Case(
        {"criteria": {"images": 3}},
        {"criteria", "evaluate", "figures", "report"},
        ("criteria *",),
        outputs.CRITERIA_TABLES,
    ),
    "theory": Case(
        {"theory": {"probes": 8}},
        {"limits", "criteria", "evaluate", "report"},
        ("limits *", "criteria *"),
        (*outputs.LIMIT_TABLES, *outputs.CRITERIA_TABLES),
    ),
    "recognition": Case(
        {"recognition": {"noise": {"iterated_l2": {"iterations": 3}}}},
        {"recognition", "evaluate", "figures", "report"},
        ("noise vit", "noise mae_vq", "noise mae_no_at", "accuracy *"),
        outputs.RECOGNITION_TABLES,
    ),
    "compute": Case(
        {"compute": {"recognition_threads": 2}},
        {"models", "report"},
        ("train vit*", "train mae_*", "train jpeg_vit_*", "noise *", "accuracy *"),
        outputs.RECOGNITION_TABLES,
    ),
    "plot": Case({"plot": {"dpi": 61}}, {"figures"}, ("figure *",)),
}
WITHOUT_RESULT: list[dict[str, Any]] = [
    {"data": {"path": "/elsewhere", "mirrors": [], "hub": []}},  # where data are found; what they are is checked
]


def every(params: Params) -> Jobs:
    """All jobs of a run as Snakemake names them: (rule, "system", "system.attack", …)."""
    rules = {"model": "train"}
    nameless = ("dataset", "gallery", "metrics")
    made = (name.split(" ", 1) for name in every_job(params))
    return {(rules.get(kind, kind), "" if kind in nameless else name) for kind, name in made} | {("report", "")}


def expected(case: Case, params: dict[str, Any]) -> Jobs:
    """The jobs of a case in a run with these (raw, unchanged) params."""
    tables = set(case.tables)
    patterns = {*case.jobs, *(f"table {table}" for table in tables), "report"}  # which shows all params and figures
    if tables & set(outputs.JUDGED):
        tables.add(outputs.COMPARISON)
        patterns.add(f"table {outputs.COMPARISON}")
    if tables & set(outputs.HEADLINED):
        patterns.add("metrics")
    for name in FIGURES:
        kind = FIGURES[name]
        if set(kind.tables) & tables or (kind.gallery and "gallery" in case.jobs):
            patterns.add(f"figure {name}")
    jobs = every(validate(params))
    return {job for job in jobs if any(fnmatch(" ".join(job).strip(), pattern) for pattern in patterns)}
