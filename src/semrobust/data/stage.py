"""The `data` job: raw images to the dataset of a run, with its record."""

from __future__ import annotations

from pathlib import Path

from semrobust.config.params import Params
from semrobust.data.dataset import prepare
from semrobust.pipeline import jobs
from semrobust.pipeline.layout import DATASET_FILES, Layout
from semrobust.pipeline.record import Making


def run(params: Params, command: list[str]) -> Path:
    """Prepare the dataset of the run and write its record, which names the content digest of each split."""
    layout = Layout(params.run)
    making = Making(jobs.dataset(params), command)
    record = layout.dataset()
    digests = prepare(params.data, params.seed, record.parent, layout.downloads)
    making.finish(record, [record.parent / name for name in DATASET_FILES], {"dataset": digests})
    return record
