"""A project of four artifacts made by hand: raw data -> network -> table -> figure, with real files and records."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from semrobust.data.content import content_digest
from semrobust.data.splits import SPLITS
from semrobust.figures import canvas
from semrobust.pipeline import files
from semrobust.pipeline.audit import Audit
from semrobust.pipeline.jobs import Job
from semrobust.pipeline.layout import DATASET_FILES, record_path
from semrobust.pipeline.record import Making

IMAGES = np.arange(2 * 3 * 32 * 32, dtype=np.uint8).reshape(2, 3, 32, 32)
LABELS = np.array([3, 7])
DIGEST = content_digest(IMAGES, LABELS)
DATASET = {
    "source": "photos10",
    "splits": {name: {"count": 2, "digest": DIGEST} for name in SPLITS},
    "digest": hashlib.sha256(bytes.fromhex(DIGEST) * 3).hexdigest(),
}

RAW = Job("dataset", "photos10", {"images": 3, "seed": 5}, ("semrobust.pipeline.seeds",))
NET = Job("model", "net", {"system": {"kind": "deepjscc", "width": 4}, "seed": 5}, ("semrobust.pipeline.seeds",))
TABLE = Job("table", "clean", {"samples": 9, "seed": 5}, ("semrobust.config.lazy", "semrobust.pipeline.seeds"))
FIGURE = Job("figure", "fig", {"plot": {"dpi": 50}}, ("semrobust.pipeline.seeds",))

RAW_FILE = Path("data/r/dataset/dataset.json")
ARRAYS = [RAW_FILE.with_name(name) for name in DATASET_FILES]
NET_FILE = Path("data/r/models/net.safetensors")
TABLE_FILE = Path("data/r/results/clean.csv")
PDF = Path("figures/r/fig.pdf")
PNG = PDF.with_suffix(".png")
PLAN = {RAW_FILE: RAW, NET_FILE: NET, TABLE_FILE: TABLE, PDF: FIGURE}


def make_raw() -> None:
    making = Making(RAW, ["semrobust", "data"])
    for path in ARRAYS:
        with files.replacing(path) as temporary:
            np.save(temporary, IMAGES if "images" in path.name else LABELS)
    making.finish(RAW_FILE, ARRAYS, {"dataset": DATASET})


def make_net(content: str = "weights", job: Job = NET) -> None:
    making = Making(job, ["semrobust", "train", "net"])
    making.uses(RAW_FILE, RAW)
    files.write_text(NET_FILE, content)
    making.finish(NET_FILE, [NET_FILE])


def make_table(content: str = "psnr\n30\n") -> None:
    making = Making(TABLE, ["semrobust", "evaluate", "table", "clean"])
    making.uses(NET_FILE, NET)
    files.write_text(TABLE_FILE, content)
    making.finish(TABLE_FILE, [TABLE_FILE])


def make_figure(pdf: Path = PDF, height: float = 1.0) -> None:
    making = Making(replace(FIGURE, name=pdf.stem), ["semrobust", "figure", pdf.stem])
    making.uses(TABLE_FILE, TABLE)
    drawn = Figure(figsize=(1, 1))
    drawn.subplots().plot([0, height])
    making.finish(pdf, canvas.write(drawn, pdf, pdf.stem, making.id, 50, making.determined))


def make_all() -> None:
    make_raw()
    make_net()
    make_table()
    make_figure()


def audit(complete: bool = False) -> Audit:
    """An audit of the run `r` as its params would plan it."""
    checker = Audit(complete=complete)
    checker.run, checker.plan = "r", {record_path(path): job for path, job in PLAN.items()}
    return checker
