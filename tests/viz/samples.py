"""Synthetic tables of every awkward kind: censored points, zero powers, infinite ratios, an infeasible system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semrobust.core import files, jobs, params
from semrobust.core.layout import Layout
from semrobust.core.params import Params
from semrobust.core.provenance import Making
from semrobust.evaluation.tables import schema

REPOSITORY = Path(__file__).parents[2]
PARAMS = params.load([REPOSITORY / "params.yaml"])
USES = PARAMS.link.real_uses
SNRS = np.asarray(PARAMS.link.snr_db)
INFEASIBLE = "jpeg_ldpc_16qam_full"
NEEDS_DB = {"deepjscc": 6.0, "deepjscc_noiseless": 1.0, "jpeg_ldpc_qpsk": -8.0, "jpeg_ldpc_16qam": -14.0}
"""PSR in dB that ruins an image of a system at high SNR."""
FROM_DB = {"jpeg_ldpc_qpsk": 2.0, "jpeg_ldpc_16qam": 8.0}
"""SNR from which a classical system decodes."""


def _common(system: str, snr_db: float, images: int) -> dict[str, Any]:
    return {
        "run": PARAMS.run, "dataset": "cifar10", "system": system, "channel": "awgn", "snr_db": snr_db,
        "seed": PARAMS.seed, "n_images": images, "interval": "bootstrap over images, 95%",
    }  # fmt: skip


def _works(system: str, snr_db: float) -> float:
    """Share of images that a system delivers."""
    return float(1 / (1 + np.exp(-4 * (snr_db - FROM_DB[system])))) if system in FROM_DB else 1.0


def clean() -> pd.DataFrame:
    rows = []
    for system in PARAMS.systems:
        for snr_db in SNRS:
            works = _works(system, snr_db)
            psnr = {"deepjscc": 27 - 90 / (snr_db + 12), "deepjscc_noiseless": 28 - 160 / (snr_db + 10)}.get(system, 0)
            psnr = psnr or works * (22 if "qpsk" in system else 26) + (1 - works) * 12.5
            bad = system == INFEASIBLE
            rows.append(
                _common(system, snr_db, 10000)
                | {
                    "stream": "none", "status": "infeasible" if bad else "ok",
                    "psnr_db": np.nan if bad else psnr, "psnr_db_low": np.nan if bad else psnr - 0.3,
                    "psnr_db_high": np.nan if bad else psnr + 0.3, "ssim": 0.5, "block_error_rate": 1 - works,
                    "decode_failure_rate": 1 - works, "infeasible_rate": float(bad), "symbols_per_image": USES // 2,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def attack_power() -> pd.DataFrame:
    rows = []
    for system, attack in PARAMS.pairs():
        for snr_db in SNRS:
            bad = system == INFEASIBLE
            works = _works(system, snr_db)
            works = works if works > 1e-4 else 0.0
            extra = {"random": 9.0, "all_bits": 4.0, "pga": 0.4}.get(attack, 0.0)
            grows = 0.25 * min(snr_db, 12) if system not in FROM_DB else 0.0
            power = np.nan if bad else works * USES * 10 ** ((NEEDS_DB[system] + extra + grows - 3) / 10)
            success = 0.8 if attack == "random" and snr_db > 8 and system not in FROM_DB else 1.0
            rows.append(
                _common(system, snr_db, 500)
                | {
                    "attack": attack, "stream": "none", "status": "infeasible" if bad else "ok",
                    "success_psnr_db": 15.0, "success_rate": success, "n_censored": round(500 * (1 - success)),
                    "ruinable_rate": 0.9, "power_total_mean": power, "power_total_low": power * 0.85,
                    "power_total_high": power * 1.2, "power_total_median": power, "power_total_q25": power,
                    "power_total_q75": power, "power_per_use_mean": power / USES,
                    "psr_db": 10 * np.log10(power / USES) if power else -np.inf, "ruinable_power_mean": power,
                    "ruinable_power_low": power * 0.85, "ruinable_power_high": power * 1.2,
                    "ruinable_n_censored": round(450 * (1 - success)),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def power_ratio() -> pd.DataFrame:
    rows = []
    for top in ("deepjscc", "deepjscc_noiseless"):
        for bottom in ("jpeg_ldpc_qpsk", "jpeg_ldpc_16qam", INFEASIBLE):
            for snr_db in SNRS:
                for population, statistic in ((p, s) for p in ("all", "ruinable") for s in ("mean", "median")):
                    bad = bottom == INFEASIBLE
                    ratio = np.nan if bad else 10 ** ((NEEDS_DB[top] - NEEDS_DB[bottom] + snr_db / 4 - 3) / 10)
                    ratio /= max(_works(bottom, snr_db), 0.02) if not bad else 1
                    if statistic == "median" and not bad:
                        ratio = np.inf if _works(bottom, snr_db) < 0.5 else ratio * 0.7
                        if top == "deepjscc_noiseless" and snr_db == 20:
                            ratio = 0.0
                        if top == "deepjscc" and snr_db == 0:
                            ratio = np.nan
                    rows.append(
                        _common(f"{top}/{bottom}", snr_db, 500 if population == "all" else 430)
                        | {
                            "semantic_system": top, "classical_system": bottom, "semantic_attack": "pga",
                            "classical_attack": "all_bits", "population": population, "statistic": statistic,
                            "success_psnr_db": 15.0, "status": "infeasible" if bad else "ok",
                            "n_censored": 3 * int(snr_db > 14), "ratio": ratio, "ratio_low": ratio * 0.8,
                            "ratio_high": np.inf if snr_db == 12 and not bad else ratio * 1.25,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


TABLES = {"clean": clean, "attack_power": attack_power, "power_ratio": power_ratio}
COMMAND = ["semrobust", "test"]
DATASET = {"source": "cifar10", "digest": "0" * 64}


def write_table(name: str, table: pd.DataFrame, of: Params = PARAMS) -> Path:
    """Write a table with the record that the pipeline would give it."""
    path = Layout(of.run).table(name)
    columns = list(schema(name).columns)
    with files.replacing(path) as temporary:
        schema(name).validate(table[columns]).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    Making(jobs.table(of, name), COMMAND).finish(path, [path], {"dataset": DATASET})
    return path


def write_gallery(of: Params = PARAMS) -> Path:
    """Write a gallery of gradients that drown in noise as the power rises."""
    psr_db = np.asarray(of.evaluation.gallery_psr_db)
    systems, images = list(of.systems), of.evaluation.gallery_images
    y, x = np.mgrid[0:32, 0:32]
    originals = np.stack([np.stack([x * 8, y * 8, (x + y) * (i + 3)], -1) for i in range(images)]).astype(np.uint8)
    generator = np.random.default_rng(0)
    pictures = np.empty((len(systems), images, len(psr_db) + 1, 32, 32, 3), np.uint8)
    psnr = np.empty(pictures.shape[:3])
    for index in np.ndindex(psnr.shape):
        noise = generator.normal(0, 8 + 14 * index[2] + 3 * index[0], (32, 32, 3))
        pictures[index] = np.clip(originals[index[1]] + noise, 0, 255)
        psnr[index] = 10 * np.log10(255**2 / np.mean((pictures[index] - originals[index[1]].astype(float)) ** 2))
    path = Layout(of.run).gallery()
    with files.replacing(path) as temporary:
        np.savez(
            temporary, images=pictures, originals=originals, psnr_db=psnr, psr_db=psr_db,
            snr_db=np.float64(of.evaluation.gallery_snr_db), systems=np.asarray(systems),
            attacks=np.asarray(["pga_refined" if "deep" in s else "least_reliable_bits" for s in systems]),
        )  # fmt: skip
    Making(jobs.gallery(of), COMMAND).finish(path, [path], {"dataset": DATASET})
    return path


def write_all(of: Params = PARAMS) -> None:
    """Write every input of every figure below the working directory."""
    for name, table in TABLES.items():
        write_table(name, table(), of)
    write_gallery(of)
