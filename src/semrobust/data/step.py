"""Fetch and check the images, or make the channel states, and split them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semrobust.config.csi import StateSettings
from semrobust.config.settings import DataSettings, Plain
from semrobust.data import channel_states
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
_CSI = ("broken", "real_uses")
"""What of the section `csi` is not about its data."""


def names(params: Params) -> list[str]:
    """The images, and the channel states if a system sends any."""
    return [params.data.source, *dict.fromkeys(params.dataset(name) for name in params.of_task("csi"))]


def settings(params: Params, name: str) -> Plain:
    """Where the raw files are found does not count: their content does."""
    if name == params.data.source:
        return {"data": without(params.section("data"), *_PLACES), "seed": params.seed}
    return {"csi": without(params.section("csi"), "path", *_CSI), "seed": params.seed}


def places(params: Params) -> Plain:
    """Where raw files are looked for."""
    given = params.section("data")
    return {key: given[key] for key in _PLACES} | {"csi_path": params.csi.path}


def make(work: Work) -> None:
    """Write the splits; the record names the content digest of each."""
    places = dict(work.places)
    csi_path = places.pop("csi_path")
    if "csi" in work.settings:
        states = StateSettings.model_validate({**work.settings["csi"], "path": csi_path})
        work.dataset = channel_states.prepare(states, work.seed, work.artifact.stem, DOWNLOADS)
        return
    given = DataSettings.model_validate({**work.settings["data"], **places})
    work.dataset = prepare(given, work.seed, work.artifact.stem, DOWNLOADS)


def says(artifact: Artifact) -> str:
    """How many samples each split has."""
    of, splits = artifact.settings, record.read(artifact.record)["dataset"]["splits"]
    what = "channel states" if "csi" in of else "images"
    return ", ".join(f"{split['count']:,} {name} {what}" for name, split in splits.items())


STEP = Step(
    kind="dataset",
    stage="dataset",
    folder="dataset",
    files=tuple(f"/{name}" for name in FILES),
    names=names,
    settings=settings,
    places=places,
    versions=lambda *_: {"dataset": 1},
    modules=lambda params, name: [
        "semrobust.data.dataset" if name == params.data.source else "semrobust.data.channel_states"
    ],
    make=make,
    says=says,
    memory_mb=1500,
    minutes=60,
)
