"""Fetch and check the images, and split them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semrobust.config.settings import DataSettings, Plain
from semrobust.data.dataset import prepare
from semrobust.data.splits import FILES
from semrobust.pipeline import record
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact

DOWNLOADS = Path("data") / "raw"
"""Raw archives, shared by all runs; outside every run so that no rerun downloads again."""

_PLACES = ("path", "mirrors", "hub")


def settings(params: Params, _: str) -> Plain:
    """Where the raw files are found does not count: their content does."""
    return {"data": without(params.section("data"), *_PLACES), "seed": params.seed}


def places(params: Params) -> Plain:
    """Where raw files are looked for."""
    given = params.section("data")
    return {key: given[key] for key in _PLACES}


def make(work: Work) -> None:
    """Write the splits; the record names the content digest of each."""
    given = DataSettings.model_validate({**work.settings["data"], **work.places})
    work.dataset = prepare(given, work.seed, work.artifact.stem, DOWNLOADS)


def says(artifact: Artifact) -> str:
    """How many images each split has."""
    splits = record.read(artifact.record)["dataset"]["splits"]
    return ", ".join(f"{split['count']:,} {name} images" for name, split in splits.items())


STEP = Step(
    kind="dataset",
    stage="dataset",
    folder="dataset",
    files=tuple(f"/{name}" for name in FILES),
    names=lambda params: [params.data.source],
    settings=settings,
    places=places,
    versions=lambda *_: {"dataset": 1},
    modules=lambda *_: ["semrobust.data.dataset"],
    make=make,
    says=says,
    memory_mb=1500,
    minutes=60,
)
