"""Write the gallery of the samples."""

from __future__ import annotations

from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from tests.figures import samples


def make(work: Work) -> None:
    work.dataset = samples.DATASET
    with work.output() as path:
        samples.write_gallery(path)


STEP = Step(
    kind="gallery",
    stage="samples",
    folder="samples/gallery",
    files=(".npz",),
    names=lambda _: ["gallery"],
    settings=lambda *_: {},
    versions=lambda *_: {},
    modules=lambda *_: ["semrobust.pipeline.seeds"],
    make=make,
)
