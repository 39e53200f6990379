"""Synthetic tables of how well receivers name classes, as `evaluation.recognition_tables` lays them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.tables.paired import OVER_IMAGES

IMAGES = 10_000
"""As in the other samples, whatever the params say."""

_BEST = {"vit": 0.82, "vit_at": 0.7, "mae_no_at": 0.76, "mae_no_mask": 0.72, "mae_no_codebook": 0.73}
_HALF = {"vit": 1.5, "vit_at": 14.0, "mae_no_at": 3.0, "mae_no_awp": 9.0, "mae_vq": 11.0}
"""Levels of 255 at which iterated noise halves the accuracy."""

_HARM = {"iterated": 1.0, "single": 0.7, "random": 0.08, "iterated_l2": 0.06, "through_channel": 1.1}
_BOOTSTRAP = "bootstrap over images, 95%"


def _common(of: Params, system: str, channel: str, snr_db: float = np.nan) -> dict[str, Any]:
    return {
        "run": of.run, "dataset": "cifar10", "system": system, "channel": channel, "snr_db": snr_db, "seed": of.seed,
        "n_images": IMAGES,
    }  # fmt: skip


def _noises(of: Params, system: str) -> list[tuple[str, str, float, str]]:
    """Name, norm, level and source of all noise on a system, without noise first."""
    given = of.recognition
    found = [("none", "", 0.0, "")]
    for name in of.noise_against(system):
        noise = given.noise[name]
        levels = [0.0] if name == given.default_noise else []
        found += [(name, noise.norm, level, system) for level in [*levels, *noise.epsilon_levels]]
    if len(found) > 1:
        norm = given.noise[given.default_noise].norm
        made = [name for name in of.of_task("class") if name != system and of.noise_against(name)]
        found += [("transfer", norm, given.default_level, source) for source in made]
    return found


def _right(of: Params, system: str, channel: str, snr_db: float, noise: tuple[str, str, float, str]) -> float:
    """Accuracy of a system: less at low SNR, less under fading, less under noise."""
    attack, _, level, _ = noise
    best = _BEST.get(system, 0.74)
    kind = of.systems[system].kind
    works = 1.0
    if channel != "error_free":
        fading = {"awgn": 0.0, "rician": 1.0, "rayleigh": 2.0}.get(channel, 3.0)
        coded = kind == "jpeg_ldpc_vit" or "coded" in system
        middle, slope = (8.0 + fading, 0.9 - 0.2 * fading) if coded else (0.0 + fading, 0.35)
        works = float(1 / (1 + np.exp(-slope * (snr_db - middle))))
    half = _HALF.get(system, 10.0) * (0.75 if attack == "transfer" and system == "mae_no_mask" else 1.0)
    harm = level * _HARM.get(attack, 0.9)
    return 0.1 + (best - 0.1) * works / (1 + (harm / half) ** 2)


def accuracy(of: Params) -> pd.DataFrame:
    given, rows = of.recognition, []
    for system in of.of_task("class"):
        sent = of.systems[system].kind != "vit"
        air = [(channel, snr_db) for channel in of.channels for snr_db in given.snr_db] if sent else []
        for channel, snr_db in [("error_free", np.nan), *air]:
            everything = channel == "error_free" or (channel, snr_db) == (given.channel, given.at_snr_db)
            for noise in _noises(of, system):
                default = (noise[0], noise[2]) == (given.default_noise, given.default_level)
                if not (everything or default or noise[0] == "none"):
                    continue
                value = _right(of, system, channel, snr_db, noise)
                width = 2.0 * np.sqrt(value * (1 - value) / 1000)
                rows.append(
                    _common(of, system, channel, snr_db)
                    | {
                        "attack": noise[0], "norm": noise[1], "semantic_noise_eps": noise[2] / 255,
                        "source": noise[3], "accuracy": value, "accuracy_low": value - width,
                        "accuracy_high": value + width, "interval": "Wilson score over images, 95%",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def accuracy_difference(of: Params, accuracies: pd.DataFrame | None = None, width: float = 0.02) -> pd.DataFrame:
    """Differences of an accuracy table, give or take `width`: of `mae_vq` and others, channels and AWGN, SNRs."""
    given, rows = of.recognition, accuracy(of) if accuracies is None else accuracies
    rows = rows[(rows["attack"] != "transfer") & ((rows["attack"] == "none") | (rows["semantic_noise_eps"] > 0))]
    places = ["system", "channel", "snr_db", "attack", "semantic_noise_eps"]
    known = {tuple(row[place] for place in places): row for row in rows.fillna({"snr_db": -1.0}).to_dict("records")}
    found = []
    for (system, channel, snr_db, *noise), row in known.items():
        against = [(system, given.channel, snr_db)] if channel not in ("error_free", given.channel) else []
        against += [(system, channel, given.snr_db[0])] if snr_db == given.snr_db[-1] else []
        if system == "mae_vq":
            others = [name for name in of.of_task("class") if name != system]
            against += [(name, channel, snr_db) for name in others]
            against += [(name, "error_free", -1.0) for name in others if of.systems[name].kind == "vit"]
        there = [known[*place, *noise] for place in dict.fromkeys(against) if (*place, *noise) in known]
        found += [_difference(row, other, width) for other in there]
    return pd.DataFrame(found).replace({"snr_db": {-1.0: np.nan}, "other_snr_db": {-1.0: np.nan}})


def _difference(one: dict[Any, Any], other: dict[Any, Any], width: float) -> dict[Any, Any]:
    value = max(one["accuracy"], 0.1) - max(other["accuracy"], 0.1)
    keys = ("run", "dataset", "system", "channel", "snr_db", "seed", "n_images", "attack", "norm", "semantic_noise_eps")
    return {key: one[key] for key in keys} | {
        "other_system": other["system"], "other_channel": other["channel"], "other_snr_db": other["snr_db"],
        "n_seeds": 1, "other_n_seeds": 1, "accuracy": one["accuracy"], "other_accuracy": other["accuracy"],
        "better_than_guessing": max(one["accuracy"], other["accuracy"]) - width > 0.1,
        "difference": value, "difference_low": value - width, "difference_high": value + width,
        "only_right": 700, "only_other_right": 500, "mcnemar_p": 1e-8, "interval": OVER_IMAGES,
    }  # fmt: skip


def overhead(of: Params) -> pd.DataFrame:
    bits = {"jpeg_vit_full": 7367.2, "jpeg_vit_payload": 2367.4, "mae_no_codebook": np.nan}
    symbols = {"jpeg_vit_full": 3893.1, "jpeg_vit_payload": 1391.7}
    bits["hevc_vit"], symbols["hevc_vit"] = 288.0, 144.0
    systems = [name for name in of.of_task("class") if of.systems[name].kind != "vit"]
    rows = []
    for reference in (name for name in systems if "jpeg" in name):
        for system in systems:
            varies, sent = 0.01 * ("jpeg" in system), symbols.get(system, 72.0)
            ratio, told = symbols[reference] / sent, bits.get(system, 288.0)
            spread = 0.0 if system == reference else 0.01
            rows.append(
                _common(of, system, "none")
                | {
                    "reference": reference, "stream": getattr(of.systems[system], "stream", "indices"),
                    "positions": 0 if varies else 64 if "no_mask" in system else 32, "bits_per_image": told,
                    "bits_low": told * (1 - varies), "bits_high": told * (1 + varies), "symbols_per_image": sent,
                    "symbols_low": sent * (1 - varies), "symbols_high": sent * (1 + varies), "ratio": ratio,
                    "ratio_low": ratio * (1 - spread), "ratio_high": ratio * (1 + spread), "interval": _BOOTSTRAP,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def index_flips(of: Params) -> pd.DataFrame:
    rows = []
    systems = [name for name in of.of_task("class") if getattr(of.systems[name], "codebook_size", None) is not None]
    for system in systems:
        for attack, norm, level, source in _noises(of, system):
            if source != system:
                continue
            rate = 1 - 1 / (1 + level * _HARM[attack] / (2 * _HALF.get(system, 10.0)))
            rows.append(
                _common(of, system, "error_free")
                | {
                    "attack": attack, "norm": norm, "semantic_noise_eps": level / 255, "flip_rate": rate,
                    "flip_low": 0.97 * rate, "flip_high": 1.03 * rate, "interval": _BOOTSTRAP,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


VIOLATED = "vit_at"
"""System of which a check is violated in the samples; of `FLAGGED` one is flagged."""
FLAGGED = "mae_vq"


def attack_sanity(of: Params) -> pd.DataFrame:
    given, rows = of.recognition, []
    for system in (name for name in of.of_task("class") if of.noise_against(name)):
        levels = given.noise[given.default_noise].epsilon_levels
        lines = [("zero_is_clean", "iterated", 0.0, 0.0), ("zero_gradients", "iterated", 8.0, 0.03)]
        lines += [("monotone", "iterated", level, 0.02 + 0.001 * level) for level in levels]
        lines += [("iterated_vs_single", "iterated", 8.0, 0.08), ("single_vs_random", "single", 8.0, 0.2)]
        lines += [("white_box_vs_transfer", "transfer", 8.0, -0.004 if "no_awp" in system else 0.15)] * 2
        lines += [("channel_blind_vs_aware", "iterated", 8.0, 0.01)] * (of.noise_against(system) == list(given.noise))
        for check, attack, level, difference in lines:
            verdict = "holds" if difference >= 0 else "within_noise"
            if system == VIOLATED and check == "white_box_vs_transfer":
                difference, verdict = -0.12, "violated"
            if system == FLAGGED and check == "zero_gradients":
                difference, verdict = 0.61, "flagged"
            spread = 0.0 if check == "zero_is_clean" else 0.012
            rows.append(
                _common(of, system, "error_free")
                | {
                    "check": check, "attack": attack, "semantic_noise_eps": level / 255,
                    "stronger": difference if check == "zero_gradients" else 0.3 + difference,
                    "weaker": 0.5 if check == "zero_gradients" else 0.3, "difference": difference,
                    "difference_low": difference - spread, "difference_high": difference + spread, "verdict": verdict,
                    "description": f"{attack} of {level:g} levels does at least the harm that it should",
                    "interval": _BOOTSTRAP,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def adaptive(of: Params) -> pd.DataFrame:
    """Of `FLAGGED` attacks without its gradients beat those with them, and large noise leaves accuracy."""
    given, rows = of.recognition, []
    pairs = of.adaptive_pairs()
    for system in dict.fromkeys(system for system, _ in pairs):
        clean = _right(of, system, "error_free", np.nan, ("none", "", 0.0, ""))
        lines = [("none", "none", "", 0.0, clean, "")]
        default = _right(of, system, "error_free", np.nan, (given.default_noise, "linf", 8.0, system))
        lines += [(given.default_noise, "white_box", system, 8.0, default, "")]
        lines += [("transfer", "transfer", "vit", 8.0, 0.5 * (clean + default), "")]
        for place, noise in enumerate(noise for of_system, noise in pairs if of_system == system):
            family = "black_box" if noise == "square" else "white_box"
            lines += [(noise, family, system, 8.0, default * (0.97 - 0.01 * place), "")]
        lines += [("pgd", "white_box", system, 64.0, 0.2 * (system == FLAGGED), "withstands_all" * (system == FLAGGED))]
        worst = {"white_box": 0.85, "transfer": 1.1, "black_box": 0.8 if system == FLAGGED else 1.2, "all": 0.78}
        for family, share in worst.items():
            flag = "beats_white_box" if family == "black_box" and system == FLAGGED else ""
            lines += [("worst", family, "", 8.0, share * default, flag)]
        for attack, family, source, level, value, flags in lines:
            taken = np.nan if attack == "worst" or level == 64.0 else 1000 * (clean - value)
            rows.append(
                _common(of, system, "error_free")
                | {
                    "attack": attack, "family": family, "norm": "linf", "semantic_noise_eps": level / 255,
                    "source": source, "accuracy": value, "accuracy_low": 0.95 * value, "accuracy_high": 1.05 * value,
                    "taken": taken, "taken_alone": 0.02 * taken, "excess": np.nan, "excess_low": np.nan,
                    "excess_high": np.nan, "rise": np.nan, "rise_low": np.nan, "rise_high": np.nan,
                    "no_gradient_rate": np.nan, "flags": flags, "interval": "Wilson score over images, 95%",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def threats(of: Params) -> pd.DataFrame:
    """Every system falls to more than the one before it; the last withstands noise of the Euclidean norm."""
    rows, empty = [], {"ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
    for measure, least in {"power_total": 4.0, "power_per_use": 0.01, "noise_linf": 3.0, "noise_l2": 90.0}.items():
        for place, system in enumerate(of.threatened()):
            size = np.inf if (measure, system) == ("noise_l2", of.threatened()[-1]) else least * 1.6**place
            row = _common(of, system, "awgn", of.threat_snr_db()) | {
                "measure": measure, "task": of.task(system), "attack": "best_of", "semantic_system": None,
                "classical_system": None, "population": "right", "status": "ok", "success_rate": 1.0, "n_censored": 0,
                "vanished_rate": 0.0, "size_median": size, "size_median_low": 0.8 * min(size, 1e3),
                "size_median_high": 1.2 * size, "interval": _BOOTSTRAP,
            }  # fmt: skip
            rows += [row | empty, row | empty | {"population": "all", "size_median": row["size_median_low"]}]
            rows.append(row | {"system": f"{system}/other", "size_median": np.nan} | dict.fromkeys(empty, 2.0))
    return pd.DataFrame(rows)


TABLES: dict[str, Callable[[Params], pd.DataFrame]] = {
    "accuracy": accuracy,
    "accuracy_difference": accuracy_difference,
    "overhead": overhead,
    "index_flips": index_flips,
    "attack_sanity": attack_sanity,
    "adaptive": adaptive,
    "threats": threats,
}
