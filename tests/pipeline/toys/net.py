"""Make a network out of text."""

from __future__ import annotations

import os
import time
from pathlib import Path

from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work


def make(work: Work) -> None:
    source = work.input("dataset").path("/test_images.npy")
    width, rest = work.settings["width"], os.environ.get("TOY_CONTENT", "")
    with Path("made.log").open("a") as log:
        log.write(f"{work.artifact.address} {os.getpid()}\n")
    with work.output() as path:
        path.write_text(f"width {width} on {source.stat().st_size} bytes {rest}")
        time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
    work.details["history"] = [1.0]


STEP = Step(
    kind="train",
    stage="models",
    folder="models",
    files=(".safetensors",),
    names=lambda params: ["net", "net.small"],
    needs=lambda params, _: [("dataset", params.data.source)],
    settings=lambda params, _: {"width": params.link.real_uses, "seed": params.seed},
    versions=lambda *_: {"train": 1},
    modules=lambda *_: ["semrobust.pipeline.seeds"],
    make=make,
)
