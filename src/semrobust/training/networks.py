"""The networks of a run: what each is, whether its file is here, how it was trained, and how it does."""

from __future__ import annotations

import math
from typing import Any, cast

import pandas as pd
from safetensors import safe_open

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LEVELS, SHOWN
from semrobust.errors import ArtifactError
from semrobust.phy.power import psr_db
from semrobust.pipeline import files, work
from semrobust.pipeline.plan import Plan, beside
from semrobust.systems.base import System
from semrobust.training.train import learns

LICENCE = "MIT"
_ROUNDED = 1e-6  # tables have six digits

COLUMNS = {
    "system": "name in the params",
    "label": "what figures call it",
    "kind": "kind of system",
    "parameters": "numbers in the checkpoint",
    "bytes": "size of the file; without one what its numbers need, 4 bytes each as they are measured",
    "state": "`ok`, `missing`, or `altered`: the file is not what its record says",
    "file": "where it lies",
    "sha256": "of the file",
    "epochs": "of training",
    "images": "training images per epoch",
    "snr_db": "SNR in training, the middle one of several; empty: no noise",
    "precision": "of forward passes in training; weights are float32",
    "device": "that it was trained on",
    "compiled_epochs": "epochs whose steps were compiled",
    "dataset": "that it was trained on",
    "licence": "of the weights",
    "clean": "PSNR or NMSE in dB, or accuracy, when nobody attacks",
    "attacked": "median attack power, as PSR in dB, under the best attack on each image; or accuracy under noise",
    "at_snr_db": "SNR of these two; empty: nothing is sent over a channel",
}
"""What the columns of `rows` are."""


def rows(params: Params, plan: Plan) -> list[dict[str, Any]]:
    """One row per system that is trained in this run; None where nothing is known.

    Numbers are those of published tables that were made with these params, and of no others.
    """
    return [_row(params, plan, name) for name in params.systems if learns(params, name)]


def _row(params: Params, plan: Plan, name: str) -> dict[str, Any]:
    artifact, settings = plan[f"train/{name}"], params.systems[name]
    path, schedule = artifact.path(), getattr(settings, "training")  # noqa: B009, only some systems have one
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {"system": name, "label": settings.label, "kind": settings.kind, "state": "missing", "file": str(path)}
    found |= {"epochs": schedule.epochs, "precision": schedule.precision, "licence": LICENCE}
    trained = params.csi.samples.train if params.task(name) == "csi" else params.data.train_images
    found |= {"images": getattr(schedule, "images", None) or trained, "dataset": params.dataset(name)}
    found |= {"snr_db": getattr(schedule, "train_snr_db", getattr(schedule, "snr_db", None))}
    if path.exists():
        found |= {"bytes": path.stat().st_size, "sha256": files.sha256(path)}
        try:
            details = work.finished(plan, artifact.address).record["details"]
            found |= {"state": "ok", **{key: details.get(key) for key in ("device", "compiled_epochs")}}
        except ArtifactError:
            found["state"] = "altered"
    if found["state"] == "ok":
        with safe_open(path, "pt") as stored:
            found["parameters"] = sum(math.prod(stored.get_slice(key).get_shape()) for key in stored.keys())  # noqa: SIM118
    else:
        fresh = cast("type[System[Any]]", SYSTEMS[settings.kind]).create(settings, params.link_of(name).real_uses, 0)
        found["parameters"] = sum(tensor.numel() for tensor in fresh.state().values())
        found["bytes"] = found["bytes"] or 4 * found["parameters"]
    return found | (_shown if params.task(name) in SHOWN else _classes)(params, plan, name)


def _table(plan: Plan, name: str) -> pd.DataFrame | None:
    """A published table of this very run."""
    artifact = plan.artifacts.get(f"table/{name}")
    if artifact is None or artifact.plain_stem is None or not work.is_published(artifact):
        return None
    return pd.read_csv(beside(artifact.plain_stem, artifact.suffixes[0]))


def _one(rows: pd.DataFrame, column: str) -> float | None:
    """The number of the one row that is meant, None if there is none."""
    return float(rows[column].iloc[0]) if len(rows) == 1 and pd.notna(rows[column].iloc[0]) else None


def _shown(params: Params, plan: Plan, name: str) -> dict[str, Any]:
    snr_db, states = params.evaluation.gallery_snr_db, params.task(name) == "csi"
    found: dict[str, Any] = {"at_snr_db": snr_db}
    of, quality = ("csi_", "nmse_db") if states else ("", "psnr_db")
    clean, power = (_table(plan, f"{of}{table}") for table in ("clean", "attack_power"))
    if clean is not None:
        found["clean"] = _one(clean[(clean["system"] == name) & (clean["snr_db"] == snr_db)], quality)
    if power is not None:
        power = power[(power["system"] == name) & (power["snr_db"] == snr_db) & (power["attack"] == "best_of")]
        if states:
            power = power[power["criterion"] == next(iter(params.csi.broken))]
        median = _one(power, "power_total_median")
        found["attacked"] = None if median is None else psr_db(median, params.link_of(name).real_uses)
    return found


def _classes(params: Params, plan: Plan, name: str) -> dict[str, Any]:
    given, rows = params.recognition, _table(plan, "accuracy")
    if rows is None:
        return {}
    rows = rows[rows["system"] == name]
    sent = rows[(rows["channel"] == given.channel) & (rows["snr_db"] == given.at_snr_db)]
    rows = sent if len(sent) else rows[rows["channel"] == "error_free"]
    clean = rows[rows["attack"] == "none"]
    own = rows[(rows["attack"] == given.default_noise) & (rows["source"] == name)]
    noisy = own[(own["semantic_noise_eps"] - given.default_level / LEVELS).abs() < _ROUNDED]
    return {"clean": _one(clean, "accuracy"), "attacked": _one(noisy, "accuracy"), "at_snr_db": _one(clean, "snr_db")}
