"""Columns of the result tables: the output contract, and what it promises about the values."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pandera

COMMON = ("run", "dataset", "system", "channel", "snr_db", "seed", "n_images")
COLUMNS: dict[str, tuple[str, ...]] = {
    "clean": (
        "stream", "status", "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate",
        "decode_failure_rate", "infeasible_rate", "symbols_per_image", "interval",
    ),
    "link_adaptation": (
        "source", "n_rungs", "rung_even", "rung_odd", "status", "psnr_db", "psnr_db_low", "psnr_db_high",
        "symbols_per_image", "selection", "interval",
    ),
    "attack_power": (
        "attack", "stream", "status", "success_psnr_db", "success_rate", "n_censored", "ruinable_rate",
        "power_total_mean", "power_total_low", "power_total_high", "power_total_median", "power_total_q25",
        "power_total_q75", "power_per_use_mean", "psr_db", "ruinable_power_mean", "ruinable_power_low",
        "ruinable_power_high", "ruinable_n_censored", "interval",
    ),
    "power_ratio": (
        "semantic_system", "classical_system", "semantic_attack", "classical_attack", "population", "statistic",
        "success_psnr_db", "status", "n_censored", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    "accuracy": (
        "attack", "norm", "semantic_noise_eps", "source", "accuracy", "accuracy_low", "accuracy_high", "interval",
    ),
    "overhead": (
        "reference", "stream", "positions", "bits_per_image", "bits_low", "bits_high", "symbols_per_image",
        "symbols_low", "symbols_high", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    "index_flips": (
        "attack", "norm", "semantic_noise_eps", "flip_rate", "flip_low", "flip_high", "interval",
    ),
    "attack_sanity": (
        "check", "attack", "semantic_noise_eps", "stronger", "weaker", "difference", "difference_low",
        "difference_high", "verdict", "description", "interval",
    ),
    "fading": (
        "status", "psnr_db", "psnr_db_low", "psnr_db_high", "decode_failure_rate", "interval",
    ),
    "lipschitz": (
        "certified", "spectral_mean", "spectral_low", "spectral_high", "spectral_max", "converged_rate",
        "frobenius_mean", "frobenius_low", "frobenius_high", "frobenius_max", "path_mean", "path_low", "path_high",
        "path_max", "interval",
    ),
    "bounds": (
        "quantity", "role", "success_psnr_db", "power_total_mean", "power_total_low", "power_total_high",
        "power_per_use_mean", "psr_db", "n_beaten", "tightness_median", "interval",
    ),
    "criteria": (
        "criterion", "n_seeds", "success_rate", "ruinable_rate", "power_total_mean", "power_total_low",
        "power_total_high", "power_per_use_mean", "psr_db", "clean_psnr_db_mean", "clean_psnr_db_low",
        "clean_psnr_db_high", "spectral_mean", "spectral_low", "spectral_high", "frobenius_mean", "frobenius_low",
        "frobenius_high", "interval",
    ),
    "criteria_ratio": (
        "semantic_system", "classical_system", "criterion", "n_seeds", "n_censored", "semantic_power",
        "classical_power", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    "attacker_knowledge": (
        "semantic_system", "classical_system", "knowledge", "success_psnr_db", "semantic_censored",
        "classical_censored", "semantic_power", "semantic_power_low", "semantic_power_high", "classical_power",
        "classical_power_low", "classical_power_high", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    "paper_vs_ours": (
        "paper", "claim", "place", "text", "stated", "measure", "value", "value_low", "value_high", "verdict", "rule",
        "files",
    ),
    "code_structure": (
        "family", "n", "k", "girth", "kind", "a", "b", "weight", "count", "n_sets_kept", "complete",
    ),
}  # fmt: skip
MEASURES = frozenset({
    "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate", "decode_failure_rate", "success_rate",
    "n_censored", "power_total_mean", "power_total_low", "power_total_high", "power_total_median", "power_total_q25",
    "power_total_q75", "power_per_use_mean", "psr_db", "ruinable_power_mean", "ruinable_power_low",
    "ruinable_power_high", "ruinable_n_censored", "ratio", "ratio_low", "ratio_high",
})  # fmt: skip
_RATES = (
    "ssim", "block_error_rate", "decode_failure_rate", "infeasible_rate", "success_rate", "ruinable_rate", "accuracy",
    "flip_rate", "converged_rate",
)  # fmt: skip
_MIDDLES = {
    "clean": "psnr_db", "link_adaptation": "psnr_db", "attack_power": "power_total_mean", "power_ratio": "ratio",
    "fading": "psnr_db", "accuracy": "accuracy", "overhead": "ratio", "index_flips": "flip_rate",
    "attack_sanity": "difference", "lipschitz": "spectral_mean", "bounds": "power_total_mean",
    "criteria": "power_total_mean", "criteria_ratio": "ratio", "attacker_knowledge": "ratio",
}  # fmt: skip


def schema(table: str) -> pandera.DataFrameSchema:
    """Schema of a result table: exactly these columns, rates in [0,1], and every interval around its mean."""
    columns: dict[str, pandera.Column] = {}
    for name in (*COMMON, *COLUMNS[table]):
        checks = [pandera.Check.in_range(-1.0 if name == "ssim" else 0.0, 1.0)] if name in _RATES else []
        columns[name] = pandera.Column(checks=checks, nullable=True, coerce=False)
    if table not in _MIDDLES:
        return pandera.DataFrameSchema(columns, strict=True, ordered=True)
    middle = _MIDDLES[table]
    stem = middle.removesuffix("_mean").removesuffix("_rate")

    def brackets(frame: pd.DataFrame) -> pd.Series[bool]:
        low, high, value = frame[f"{stem}_low"], frame[f"{stem}_high"], frame[middle]
        slack = 1e-9 * value.abs()
        return value.isna() | ((low <= value + slack) & (value <= high + slack))

    return pandera.DataFrameSchema(columns, strict=True, ordered=True, checks=pandera.Check(brackets))
