"""What hu2022 claims, against a run's tables. SN: under the default semantic noise at its default level."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS, Finding, Tables, claim, judged
from semrobust.config.settings import LEVELS, Plain
from semrobust.measure.names import ERROR_FREE, NONE

NEAR, FAR = 0.05, 0.15
"""Differences of accuracy that we call "similar" or "approaches", and twice that and more, at most its direction."""

_APART = "holds: intervals apart; in direction: the mean alone"


class Accuracies:
    """The accuracy table, asked by role, noise, channel and SNR. KeyError for what the run lacks."""

    def __init__(self, tables: Tables, given: Plain) -> None:
        self.given, self.roles, self.channels = given, given["roles"], given["channels"]
        self.table = tables["accuracy"]

    def curve(self, role: str, noisy: bool, channel: str, level: float | None = None) -> pd.DataFrame:
        """Rows over SNR; of systems on error-free images the one row that they have."""
        rows = self.table[self.table["system"] == self.roles[role]]
        if noisy:
            chosen = self.given["default_level"] if level is None else level
            near = (rows["semantic_noise_eps"] * LEVELS - chosen).abs() < 0.01
            rows = rows[(rows["attack"] == self.given["default_noise"]) & near]
        else:
            rows = rows[rows["attack"] == NONE]
        sent = rows[rows["channel"] == (ERROR_FREE if role == "vit" else channel)]
        if sent.empty:
            raise KeyError(role)
        ordered: pd.DataFrame = sent.sort_values("snr_db").reset_index(drop=True)
        return ordered

    def point(self, role: str, noisy: bool, level: float | None = None) -> tuple[float, float, float]:
        """Accuracy with its interval at the channel and SNR where noise is compared."""
        rows = self.curve(role, noisy, self.given["channel"], level)
        if role != "vit":
            rows = rows[(rows["snr_db"] - self.given["at_snr_db"]).abs() < 0.01]
        if rows.empty:
            raise KeyError(role)
        return _triple(rows.iloc[0])

    def ahead(self, role: str, other: str, noisy: bool = True, level: float | None = None) -> Finding:
        """Accuracy of `role` less that of `other`; the interval is from the ends of theirs, so it is a wide one."""
        return _ahead(self.point(role, noisy, level), self.point(other, noisy, level), f"{role} − {other}, accuracy")


def _triple(row: pd.Series[float]) -> tuple[float, float, float]:
    return float(row["accuracy"]), float(row["accuracy_low"]), float(row["accuracy_high"])


def _ahead(one: tuple[float, float, float], other: tuple[float, float, float], measure: str) -> Finding:
    return judged(one[0] - other[0], one[1] - other[2], one[2] - other[1], measure)


def _fading(accuracies: Accuracies) -> str | None:
    """The paper's channel of Fig. 4: Rayleigh, one antenna each, known."""
    return next(iter(_channels(accuracies, "rayleigh")), None)


def _channels(accuracies: Accuracies, *fading: str) -> list[str]:
    """Names of the run's channels with one antenna at each end, perfect CSI and one of these kinds of fading."""
    return [
        name
        for name, channel in accuracies.channels
        if channel["fading"] in fading and channel["transmit"] == channel["receive"] == 1 and channel["csi_error"] == 0
    ]


@claim(
    "hu2022_overhead",
    "Table I, numbers lost",
    "Indices take far fewer symbols than JPEG with LDPC",
    "holds: the interval of the ratio lies above 1",
    "overhead",
)
def overhead(tables: Tables, given: Plain) -> Finding | None:
    roles = given["roles"]
    rows = tables["overhead"]
    rows = rows[(rows["system"] == roles["mae"]) & (rows["reference"] == roles["jpeg"])]
    if rows.empty:
        return None
    row = rows.iloc[0]
    verdict = HOLDS if row["ratio_low"] > 1 else DIRECTION if row["ratio"] > 1 else FAILS
    return Finding(verdict, "symbols, JPEG files ÷ indices", row["ratio"], row["ratio_low"], row["ratio_high"])


@claim(
    "hu2022_fig4_snr",
    "Fig. 4",
    "Accuracy of the proposed and the conventional scheme rises with SNR",
    "holds: for both, intervals at the lowest and the highest SNR apart",
    "accuracy",
)
def rises(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    found = []
    for role in ("mae", "jpeg"):
        rows = accuracies.curve(role, True, channel)
        found.append(_ahead(_triple(rows.iloc[-1]), _triple(rows.iloc[0]), "highest − lowest SNR, smaller of the two"))
    return min(found, key=lambda finding: finding.value)


@claim(
    "hu2022_fig4_conventional",
    "Fig. 4",
    "The proposed scheme is far above the conventional one, most at low SNR",
    "holds: intervals apart at every SNR, and the gap at low SNRs is the larger; in direction: ahead on average",
    "accuracy",
)
def above_conventional(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    mae, jpeg = (accuracies.curve(role, True, channel) for role in ("mae", "jpeg"))
    gaps = (mae["accuracy"] - jpeg["accuracy"]).to_numpy()
    apart = (mae["accuracy_low"] > jpeg["accuracy_high"]).all()
    half = len(gaps) // 2
    holds = apart and gaps[:half].mean() > gaps[-half:].mean()
    verdict = HOLDS if holds else DIRECTION if gaps.mean() > 0 else FAILS
    low = float((mae["accuracy_low"] - jpeg["accuracy_high"]).mean())
    high = float((mae["accuracy_high"] - jpeg["accuracy_low"]).mean())
    return Finding(verdict, "mae − jpeg with SN, mean over SNR, Rayleigh", float(gaps.mean()), low, high)


@claim("hu2022_fig4_vit", "Fig. 4", "MAE+SN is far above ViT+SN", _APART, "accuracy")
def above_vit(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "vit")


@claim(
    "hu2022_fig4_approaches",
    "Fig. 4",
    "Without noise MAE approaches ViT",
    f"at the highest SNR over Rayleigh; holds: at most {NEAR:.0%} below; in direction: at most {FAR:.0%}",
    "accuracy",
)
def approaches(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    mae, vit = (accuracies.curve(role, False, channel).iloc[-1] for role in ("mae", "vit"))
    behind = _ahead(_triple(vit), _triple(mae), "vit − mae without SN, accuracy")
    verdict = HOLDS if behind.value <= NEAR else DIRECTION if behind.value <= FAR else FAILS
    return Finding(verdict, behind.measure, behind.value, behind.low, behind.high)


@claim(
    "hu2022_fig5_falls",
    "Fig. 5",
    "Accuracy of all schemes falls as the noise grows",
    "holds: no step of the default noise is violated (extra_attack_sanity)",
    "attack_sanity",
)
def falls(tables: Tables, given: Plain) -> Finding | None:
    roles = given["roles"]
    rows = tables["attack_sanity"]
    shown = rows["system"].isin([roles[role] for role in ("mae", "mae_no_at", "vit")])
    rows = rows[shown & (rows["check"] == "monotone") & (rows["attack"] == given["default_noise"])]
    if rows.empty:
        return None
    share = float((rows["verdict"] != "violated").mean())
    return Finding(HOLDS if share == 1 else DIRECTION if share > 0.5 else FAILS, "share of steps that fall", share)


def _most(tables: Tables, given: Plain, other: str) -> Finding:
    """At the largest ε of the default noise."""
    return Accuracies(tables, given).ahead("mae", other, level=max(given["levels"]))


@claim("hu2022_fig5_no_at", "Fig. 5", "At large ε MAE+SN is far above MAE+SN without AT", _APART, "accuracy")
def most_above_no_at(tables: Tables, given: Plain) -> Finding | None:
    return _most(tables, given, "mae_no_at")


@claim("hu2022_fig5_vit", "Fig. 5", "At large ε MAE+SN is far above ViT+SN", _APART, "accuracy")
def most_above_vit(tables: Tables, given: Plain) -> Finding | None:
    return _most(tables, given, "vit")


@claim("hu2022_at", "Section II", "Adversarial training withstands semantic noise", _APART, "accuracy")
def trained(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "mae_no_at")


@claim("hu2022_awp", "Section II", "Weight perturbation improves robustness further", _APART, "accuracy")
def perturbed(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_weight_perturbation")


@claim("hu2022_mask", "Section III", "Masking lessens the impact of semantic noise", _APART, "accuracy")
def masked(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_mask")


@claim("hu2022_codebook", "Section III", "The codebook lessens the impact of semantic noise", _APART, "accuracy")
def discrete(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_codebook")


@claim(
    "hu2022_fig6_similar",
    "Fig. 6",
    "Trained on AWGN, MAE+SN is similarly accurate over AWGN, Rayleigh and Rician",
    f"spread between channels; holds: at most {NEAR:.0%} at every SNR; in direction: at most that on average",
    "accuracy",
)
def similar(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    names = _channels(accuracies, "awgn", "rayleigh", "rician")
    if len(names) < 3:
        return None
    spread = np.ptp([accuracies.curve("mae", True, name)["accuracy"].to_numpy() for name in names], axis=0)
    verdict = HOLDS if spread.max() <= NEAR else DIRECTION if spread.mean() <= NEAR else FAILS
    return Finding(verdict, "largest spread over SNR, accuracy", float(spread.max()))


@claim(
    "hu2022_fig6_conventional",
    "Fig. 6",
    "Over every channel MAE+SN is above the conventional scheme, most at low SNR",
    "share of points (channel, SNR) with intervals apart; holds: all; in direction: more than half",
    "accuracy",
)
def above_everywhere(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    apart: list[bool] = []
    for name in _channels(accuracies, "awgn", "rayleigh", "rician"):
        mae, jpeg = (accuracies.curve(role, True, name) for role in ("mae", "jpeg"))
        apart += (mae["accuracy_low"] > jpeg["accuracy_high"]).tolist()
    if not apart:
        return None
    share = float(np.mean(apart))
    return Finding(HOLDS if share == 1 else DIRECTION if share > 0.5 else FAILS, "share of points", share)


@claim(
    "hu2022_fig6_degrades",
    "Fig. 6",
    "The conventional scheme degrades over Rayleigh and Rician channels",
    "mean over SNRs where AWGN delivers, AWGN less the better of the two; holds: its interval above 0",
    "accuracy",
)
def degrades(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    still, fading = _channels(accuracies, "awgn"), _channels(accuracies, "rayleigh", "rician")
    if not still or not fading:
        return None
    awgn = accuracies.curve("jpeg", True, still[0])
    others = [accuracies.curve("jpeg", True, name) for name in fading]
    # below its threshold the code fails over every channel, and nothing is left that could degrade
    works = (awgn["accuracy"] >= 0.9 * awgn["accuracy"].max()).to_numpy()
    best = max(others, key=lambda rows: float(rows["accuracy"][works].mean()))[works].mean(numeric_only=True)
    return _ahead(_triple(awgn[works].mean(numeric_only=True)), _triple(best), "AWGN − fading, accuracy")
