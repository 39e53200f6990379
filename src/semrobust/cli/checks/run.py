"""What the run asks for, what of it is made, what its jobs took, and what an earlier release left."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from semrobust.cli.base import clock
from semrobust.cli.checks.finding import Finding, Setting
from semrobust.pipeline import records, step, work
from semrobust.pipeline.plan import FIGURES, ROOT, Artifact, Plan


def progress(setting: Setting) -> Iterator[Finding]:
    """How many artifacts of each step the params ask for, and how many are here."""
    plan = setting.plan
    if not isinstance(plan, Plan):
        if plan is not setting.params:
            yield Finding("problem", "run", str(plan), "correct what it names")
        return
    asked = Counter(artifact.kind for artifact in plan)
    made = Counter(artifact.kind for artifact in plan if _is_here(artifact))
    counts = {kind: [made[kind], asked[kind]] for kind in step.steps() if asked[kind]}
    text = f"'{plan.run}' has {made.total()} of its {len(plan)} artifacts here"
    parts = [f"{kind} {done} of {of}" for kind, (done, of) in counts.items()]
    yield Finding("ok", "run", f"{text}: {', '.join(parts)}", details=counts)


def _is_here(artifact: Artifact) -> bool:
    return work.is_made(artifact) or (artifact.published is not None and work.is_published(artifact))


def times(setting: Setting) -> Iterator[Finding]:
    """What the jobs of this run took, where a workflow has measured them. Nothing is predicted."""
    plan = setting.plan
    if not isinstance(plan, Plan):
        return
    folder = ROOT / plan.run / "benchmarks"
    took = [seconds for path in sorted(folder.rglob("*.tsv")) if (seconds := _seconds(path)) is not None]
    if took:
        text = f"{len(took)} measured jobs of '{plan.run}' took {clock(sum(took))}, the longest {clock(max(took))}"
        details = {"jobs": len(took), "seconds": round(sum(took)), "longest_s": round(max(took))}
        yield Finding("ok", "times", f"{text} ({folder})", details=details)


def _seconds(path: Path) -> float | None:
    """Wall time in a benchmark of Snakemake; None if it cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, ValueError, KeyError, StopIteration):
        return None


def earlier(setting: Setting) -> Iterator[Finding]:
    """Where records of an earlier release lie."""
    plan = setting.plan
    if not isinstance(plan, Plan):
        return
    found = [path for root in (ROOT, FIGURES) for path in records.earlier(root / plan.run)]
    if found:
        folders = Counter(path.parent.as_posix() for path in found)
        named = ", ".join(f"{count} in {folder}" for folder, count in folders.items())
        text = f"records of an earlier release: {named}"
        remedy = "they can be read, and the next run makes their files anew"
        yield Finding("warning", "records", text, remedy, dict(folders))
