"""A small run whose artifacts are made when a test first asks for them, and kept for all tests of a session."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock

from semrobust.config.params import Params, merge, validate
from semrobust.data.splits import load_split
from semrobust.pipeline import record
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.work import Work, finished, is_made, make
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.training import train
from tests.conftest import OTHER_NETWORKS, ROOT, SMALL, raw_params

NET, CHAIN, NEVER = "deepjscc", "jpeg_ldpc_qpsk", "jpeg_ldpc_16qam_full"
"""A network, a chain, and a chain whose budget carries no image; all three are compared with each other."""

IMAGES, SNR_DB, CHANNELS = 12, [5.0, 10.0], ("awgn", "rayleigh", "rayleigh_2x2")
ADAPTIVE_IMAGES = 8
EFFORT: dict[str, Any] = {"iterations": 2, "step_share": 0.75}
RAY = {"start_psr_db": -20.0, "stop_psr_db": 20.0, "step_db": 5.0, "bisections": 2}
LEARNS = {"epochs": 4, "batch": 32, "learning_rate": 5e-3}  # enough that the channel alone does not break all images
BRIEF = {"epochs": 1, "batch": 8, "images": 64, "learning_rate": 1e-2, "precision": "fp32", "shift": 0}
SIZE = {"width": 16, "depth": 1, "heads": 2, "hidden": 16}
MASKED = {"patch": 8, "encoder": SIZE, "features": 4, "codebook_size": 16, "least_perplexity": 1.0, "reseed_every": 4}
REGULAR = {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 0}

OVERLAY: dict[str, Any] = {
    "run": "made",
    "data": {"train_images": 512, "test_images": IMAGES},
    "csi": {"samples": {"train": 64, "validation": 8, "test": IMAGES}},
    "systems": {
        NET: {"training": LEARNS},
        "deepjscc_noiseless": None,
        "deepjscc_surrogate": {"width": 4, "training": LEARNS},
        "trained": {"width": 4, "training": LEARNS},
        "length": {
            "width": 4,
            "attacks": ["pga_refined"],
            "training": LEARNS,
            "grid": {"epochs": {"e50": {"training": {"epochs": 2}}, **dict.fromkeys(("e100", "e200"))}},
        },
        **dict.fromkeys(("hevc_ldpc_qpsk", "hevc_ldpc_16qam", "jpeg_ldpc_16qam", "hevc_vit", *OTHER_NETWORKS)),
        **dict.fromkeys(("ladder", "ablation", "peg", "csi_ablation", "csi_complex")),
        "csi": {
            "width": 4,
            "attacks": ["random"],
            "training": LEARNS,
            "grid": {
                "network": {"plain": None, "mixing": {"mixing": 8}},
                "noise": {"noiseless": None},
            },
        },
        "csi_chain": {
            "attacks": ["random", "vulnerable_set"],
            "decoder": {"iterations": 10},
            "grid": {"form": {"complex": None}, "modulation": {"16qam": None}},
        },
        CHAIN: {"attacks": None, "study": None},
        NEVER: {"code": None, "modulation": "qpsk", "attacks": None},
        "vit": {"patch": 8, "size": SIZE, "training": BRIEF},
        # tried under noise, but not under the default one
        "vit_at": {"patch": 8, "size": SIZE, "training": BRIEF, "attacks": ["single", "random"]},
        "mae_pretrained": {**MASKED, "decoder": SIZE, "training": BRIEF},
        "mae": {**MASKED, "head_hidden": 16, "training": BRIEF},
        "jpeg_vit": {"patch": 8, "size": SIZE, "block_bits": 384, "decoder": {"iterations": 10}},
    },
    "attacks": {
        "random": RAY,
        "all_bits": RAY,
        "pga_refined": {"max_steps": 40},
        "transfer_pga": RAY,
        "vulnerable_set": {"sets": 50, "candidates": 2, "bisections": 3, "rounds": 1, "trials": 2},
        "instantons": {"candidates": 2, "steps": 10, "bisections": 3, "refinements": 1, "rounds": 1, "trials": 2},
        **dict.fromkeys(("pulse_jamming", "universal", "transfer_minimum_norm", "carlini_wagner", "pga")),
        **dict.fromkeys(("near_codeword", "bp_gradient", "greedy_bits", "dqn_bits")),
    },
    "criteria": {"snr_db": SNR_DB},
    "theory": {"tolerance": 1e-3, "iterations": 60, "path_points": 8},
    "certificates": {"at": [{"snr_db": 10.0, "images": 3}], "draws": 60, "program_bits": 2},
    "evaluation": {
        "attack_images": 8,
        "main": {"images": 8, "draws": 2},
        "fading_images": IMAGES,
        "batch": 5,
        "gallery_images": 2,
    },
    "recognition": {
        "images": IMAGES,
        "batch": 5,
        "snr_db": [0.0, 12.0],
        "noise": {
            "iterated": {"epsilon_levels": [2.0, 8.0], **EFFORT},
            "single": {"epsilon_levels": [8.0]},
            "random": {"epsilon_levels": [8.0]},
            "iterated_l2": {"epsilon_levels": [100.0], **EFFORT},
            "through_channel": {**EFFORT, "samples": 2},
        },
        "adaptive": {
            "images": ADAPTIVE_IMAGES,
            "systems": ["mae_vq", "jpeg_vit_full"],
            "noise": {
                **dict.fromkeys(("pgd", "soft", "unknown_mask"), EFFORT),
                **dict.fromkeys(("margin", "dlr", "through_air")),
                "again": {"label": "again", "kind": "iterated", "epsilon_levels": [8.0], **EFFORT},
                "square": {"iterations": 4},
                "auto_attack": {"iterations": 2},
            },
        },
    },
}  # fmt: skip
"""On `SMALL`: every kind of step has something to do, in a fraction of a second."""

KEPT = {
    "trained": ("way", ("smooth",)),
    "mae": ("variant", ("vq", "vq_coded", "no_at", "no_codebook")),
    "jpeg_vit": ("stream", ("payload", "full")),
}
"""Variants of grids."""


def made_params(**overlay: Any) -> Params:
    """The params of the run, changed."""
    small = dict(SMALL)
    for section in ("systems", "attacks"):  # what is left out there is wanted here
        small[section] = {name: entry for name, entry in SMALL[section].items() if entry is not None}
    raw = merge(raw_params(), small)
    for name, (axis, kept) in KEPT.items():
        grid = raw["systems"][name]["grid"]
        assert set(kept) <= set(grid[axis])
        grid[axis] = {value: entry for value, entry in grid[axis].items() if value in kept}
    raw = merge(raw, OVERLAY)
    raw["channels"] = {name: raw["channels"][name] for name in CHANNELS}
    # not merged: the keys of one family are unknown to the other
    raw["systems"][NEVER]["code"] = raw["systems"][CHAIN].get("code", REGULAR)
    raw["systems"]["jpeg_vit"]["code"] = REGULAR
    raw["systems"]["mae"]["grid"]["variant"]["vq_coded"]["transport"]["code"] = REGULAR
    return validate(merge(raw, overlay))


class Run:
    """Artifacts in a folder of their own; everything that is asked for is made, with all that is behind it.

    Processes of one session that have a `store` in common make each artifact once, and all others copy it from there.
    """

    def __init__(self, params: Params, folder: Path, store: Path | None = None) -> None:
        self.params, self.folder, self.store = params, folder, store
        with contextlib.chdir(ROOT):  # the report's pages are part of its key
            self.plan = Plan.of(params)
        self._made: dict[str, Artifact] = {}

    def artifact(self, address: str) -> Artifact:
        if address not in self._made:
            for needed in self.plan[address].needs:
                self.artifact(needed)
            self._made[address] = self._make(address) if self.store is None else self._shared(address, self.store)
        return self._made[address]

    def _make(self, address: str) -> Artifact:
        with contextlib.chdir(self.folder):
            return make(self.plan, address)

    def _shared(self, address: str, store: Path) -> Artifact:
        kept = [store / path for path in self.plan[address].paths]
        own = [self.folder / path for path in self.plan[address].paths]
        lock = store / f"{address}.lock"
        for folder in {lock.parent, kept[0].parent, own[0].parent}:
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            if is_there := all(path.exists() for path in kept):
                _copy(kept, own)
            artifact = self._make(address)  # publishes what was copied
            if not is_there:
                _copy(own, kept)
        return artifact

    def is_made(self, address: str) -> bool:
        """Whether it is there; nothing is made."""
        with contextlib.chdir(self.folder):
            return is_made(self.plan[address])

    def path(self, address: str, suffix: str | None = None) -> Path:
        return self.folder / self.artifact(address).path(suffix)

    def frame(self, address: str) -> pd.DataFrame:
        path = self.path(address)
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    def arrays(self, address: str) -> dict[str, Any]:
        with np.load(self.path(address)) as content:
            return dict(content)

    def record(self, address: str) -> dict[str, Any]:
        return record.read(self.folder / self.artifact(address).record)

    def system(self, name: str) -> System:
        """Restored from its checkpoint."""
        self.artifact(f"train/{name}")
        with contextlib.chdir(self.folder):
            return restore(finished(self.plan, f"train/{name}"))

    def pixels(self, count: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """The first test images in whole levels (n,3,32,32) uint8 and their classes (n,) int64."""
        artifact = self.artifact(f"dataset/{self.params.data.source}")
        split = load_split(self.folder / artifact.stem, "test")
        return torch.from_numpy(split.images[:count].copy()), torch.from_numpy(split.labels[:count].copy()).long()

    def images(self, count: int | None = None) -> torch.Tensor:
        """As `pixels`, float32 in [0,1]."""
        return self.pixels(count)[0].float() / 255.0

    def train(self, name: str, after_epoch: Callable[[int], None]) -> None:
        """Train a system and tell after each epoch; raises what `after_epoch` raises."""
        with contextlib.chdir(self.folder):
            work = Work(self.plan, self.plan[f"train/{name}"])
            train.make(work, after_epoch)
            work.finish()

    def again(self, address: str) -> tuple[dict[Path, bytes], dict[Path, bytes]]:
        """The files of an artifact before and after it was removed and made again."""
        artifact = self.artifact(address)
        paths = [self.folder / artifact.path(suffix) for suffix in artifact.suffixes]
        before = {path: path.read_bytes() for path in paths}
        for path in (*paths, self.folder / self._made.pop(address).record):
            path.unlink()
        self._made[address] = self._make(address)
        return before, {path: path.read_bytes() for path in paths}


def _copy(sources: list[Path], targets: list[Path]) -> None:
    for source, target in zip(sources, targets, strict=True):
        shutil.copy2(source, target)
