"""All artifacts of a run, each with the job that makes it: what the rules of the workflow make, as one list."""

from __future__ import annotations

from pathlib import Path

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.pipeline import jobs, outputs
from semrobust.pipeline.jobs import Job
from semrobust.pipeline.layout import Layout


def artifacts(params: Params) -> dict[Path, Job]:
    """Every artifact of the run in `params` (its first file; the dataset's is its record), from data to the report."""
    layout, images, classes = Layout(params.run), params.of_task("image"), params.of_task("class")
    return {
        layout.dataset(): jobs.dataset(params),
        **{layout.model(system): jobs.model(params, system) for system in params.systems},
        **{layout.structure(system): jobs.structure(params, system) for system in params.coded()},
        **{layout.clean(system): jobs.clean(params, system) for system in images},
        **{layout.fading(system): jobs.fading(params, system) for system in params.attacked()},
        **{layout.attack(*pair): jobs.attack(params, *pair) for pair in params.pairs()},
        **{layout.limits(system): jobs.limits(params, system) for system in params.attacked()},
        **{layout.criteria(system): jobs.criteria(params, system) for system in params.by_criteria()},
        **{layout.noise(system): jobs.noise(params, system) for system in classes},
        **{layout.accuracy(system): jobs.accuracy(params, system) for system in classes},
        layout.gallery(): jobs.gallery(params),
        **{layout.table(table): outputs.table(params, table) for table in outputs.TABLES},
        layout.metrics(): outputs.metrics(params),
        **{layout.figure(figure): outputs.figure(params, figure) for figure in FIGURES},
        layout.report(): outputs.report(params),
    }
