"""Make two images."""

from __future__ import annotations

import hashlib

import numpy as np

from semrobust.data.content import content_digest
from semrobust.data.splits import FILES, SPLITS
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work

IMAGES = np.arange(2 * 3 * 32 * 32, dtype=np.uint8).reshape(2, 3, 32, 32)
LABELS = np.array([3, 7])
DIGEST = content_digest(IMAGES, LABELS)
DATASET = {
    "source": "photos10",
    "splits": {name: {"count": 2, "digest": DIGEST} for name in SPLITS},
    "digest": hashlib.sha256(bytes.fromhex(DIGEST) * 3).hexdigest(),
}


def make(work: Work) -> None:
    for name in FILES:
        with work.output(f"/{name}") as path:
            np.save(path, IMAGES if "images" in name else LABELS)
    work.dataset = DATASET


STEP = Step(
    kind="dataset",
    stage="dataset",
    folder="dataset",
    files=tuple(f"/{name}" for name in FILES),
    names=lambda params: [params.data.source],
    settings=lambda params, _: {"seed": params.seed},
    versions=lambda *_: {"dataset": 1},
    modules=lambda *_: ["semrobust.data.content"],
    places=lambda _: {"path": None},
    make=make,
)
