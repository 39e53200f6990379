# What jobs ask of a cluster. Both numbers come from measurements, benchmarks/jobs.csv, and a test holds them to it.
from functools import cache

from semrobust.pipeline import costs, effort

# MiB by rule: the largest memory of its jobs in any preset, and a quarter more, and what Snakemake itself takes.
MEMORY_MB = {
    "dataset": 1500,
    "train": 1750,
    "structure": 1750,
    "clean": 1500,
    "fading": 1500,
    "attack": 1750,
    "limits": 1500,
    "criteria": 1250,
    "noise": 1500,
    "accuracy": 1500,
    "table": 1000,
    "gallery": 1000,
    "metrics": 1000,
    "figure": 1000,
    "report": 1000,
}
# A job may take that many times what it is expected to, on a slower or a busier machine, but never fewer minutes than:
PATIENCE, LEAST_MINUTES = 3, 15


@cache
def expected():
    measured = costs.read() if costs.TABLE.exists() else []
    return effort.estimate(PARAMS, measured)


def minutes(rule, wildcards):
    job = expected().get((rule, ".".join(wildcards) or rule))
    return max(LEAST_MINUTES, round(PATIENCE * job.seconds / 60)) if job else LEAST_MINUTES


def needs(rule):
    """Resources of the rule's jobs; a job that was killed for its memory or its time is given more next time."""
    return {
        "mem_mb": lambda wildcards, attempt: MEMORY_MB[rule] * attempt,
        "runtime": lambda wildcards, attempt: minutes(rule, wildcards) * attempt,
    }
