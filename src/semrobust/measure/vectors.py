"""Perturbations on disk: a safetensors file with one tensor (images, N), float32, per SNR."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from semrobust.pipeline.work import Work

VECTORS = ".safetensors"
"""End of the file's name."""


def at(snr_db: float) -> str:
    """Name of the perturbations at an SNR."""
    return f"snr_db={snr_db:g}"


def weakest(work: Work) -> dict[float, torch.Tensor]:
    """By SNR of the settings, for their `images`: the successful perturbation of least power over all attacks that are
    inputs (images, N); NaN where none succeeded."""
    least: dict[float, torch.Tensor] = {}
    vectors: dict[float, torch.Tensor] = {}
    for attack in work.inputs("attack").values():
        table, found = pd.read_parquet(attack.path()), load_file(attack.path(VECTORS))
        for snr_db in work.settings["snr_db"]:
            rows = table[(table["snr_db"] == snr_db) & (table["image"] < work.settings["images"])].sort_values("image")
            power = torch.from_numpy(np.where(rows["success"], rows["power_total"], np.inf))
            tried = found[at(snr_db)][: len(rows)]
            before = least.get(snr_db, torch.full_like(power, torch.inf))
            kept = vectors.get(snr_db, torch.full_like(tried, torch.nan))
            vectors[snr_db] = torch.where((power < before)[:, None], tried, kept)
            least[snr_db] = torch.minimum(power, before)
    return vectors
