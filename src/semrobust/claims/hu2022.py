"""What hu2022 claims, against a run's tables. SN: under the default semantic noise at its default level."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from semrobust.claims.claim import Finding, Tables, above, below, claim, share, verdict
from semrobust.config.settings import LEVELS, Plain
from semrobust.data.content import CLASSES
from semrobust.measure.names import ERROR_FREE, NONE

NEAR, FAR = 0.05, 0.15
"""Differences of accuracy that we call "similar" or "approaches", and at most its direction."""

CHANCE = 1 / CLASSES
"""Accuracy of guessing. A receiver that does worse can guess instead, so a lower one counts as this."""

_GUESS = "guessing counts where it is more accurate"
_MORE = f"holds: the difference's interval above 0; does not hold: not above 0; {_GUESS}"
_FAR_ABOVE = f"holds: the difference's interval above {NEAR:.0%}; in direction: above 0; {_GUESS}"

Accuracy = tuple[float, float, float]
"""With the ends of its interval."""


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

    def ahead(self, role: str, other: str, limit: float = 0.0, level: float | None = None) -> Finding:
        """Whether under noise `role` is more accurate than `other`, by more than `limit`."""
        value, *ends = difference(self.point(role, True, level), self.point(other, True, level))
        return above(f"{role} − {other}, accuracy", value, (ends[0], ends[1]), limit=limit, least=0.0)


def _triple(row: pd.Series[float]) -> Accuracy:
    value, low, high = (max(float(row[name]), CHANCE) for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return value, low, high


def _useful(*curves: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """The rows at which at least one of these curves is more accurate than guessing, by its interval."""
    found = np.zeros(len(curves[0]), dtype=np.bool_)
    for curve in curves:
        found |= (curve["accuracy_low"] > CHANCE).to_numpy()
    return found


def difference(one: Accuracy, other: Accuracy) -> Accuracy:
    """The difference of two accuracies, with its interval from theirs.

    Method 10 of Newcombe 1998 ("Interval estimation for the difference between independent proportions"); where both
    are of the same images, it is a wide one.
    """
    less = math.hypot(one[0] - one[1], other[2] - other[0])
    more = math.hypot(one[2] - one[0], other[0] - other[1])
    return one[0] - other[0], one[0] - other[0] - less, one[0] - other[0] + more


def _differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Row by row: `value`, `low`, `high`."""
    pairs = zip(one.iterrows(), other.iterrows(), strict=True)
    rows = [difference(_triple(top), _triple(bottom)) for (_, top), (_, bottom) in pairs]
    return pd.DataFrame(rows, columns=["value", "low", "high"])


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
    "holds: the interval of the ratio above 10; in direction: above 1",
    "overhead",
)
def overhead(tables: Tables, given: Plain) -> Finding | None:
    roles = given["roles"]
    rows = tables["overhead"]
    rows = rows[(rows["system"] == roles["mae"]) & (rows["reference"] == roles["jpeg"])]
    if rows.empty:
        return None
    row = rows.iloc[0]
    ends = (row["ratio_low"], row["ratio_high"])
    return above("symbols, JPEG files ÷ indices", row["ratio"], ends, limit=10.0, least=1.0)


@claim(
    "hu2022_fig4_snr",
    "Fig. 4",
    "Accuracy of the proposed and the conventional scheme rises with SNR",
    f"highest less lowest SNR, the smaller of the two; {_MORE}",
    "accuracy",
)
def rises(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    curves = [accuracies.curve(role, True, channel) for role in ("mae", "jpeg")]
    found = [difference(_triple(rows.iloc[-1]), _triple(rows.iloc[0])) for rows in curves]
    value, low, high = (min(ends) for ends in zip(*found, strict=True))
    return above("highest − lowest SNR, smaller of the two", value, (low, high), limit=0.0)


@claim(
    "hu2022_fig4_conventional",
    "Fig. 4",
    "The proposed scheme is far above the conventional one, most at low SNR",
    f"mean over the SNRs at which one of them is better than guessing; holds: the gap's interval above {NEAR:.0%}, at "
    f"every one of them above 0, and the gap larger at low SNRs; in direction: its interval above 0; {_GUESS}",
    "accuracy",
)
def above_conventional(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    mae, jpeg = (accuracies.curve(role, True, channel) for role in ("mae", "jpeg"))
    gaps = _differences(mae, jpeg)[_useful(mae, jpeg)]
    if gaps.empty:
        return None
    mean, half = gaps.mean(), len(gaps) // 2
    low, high = float(mean["low"]), float(mean["high"])
    most_at_low = half > 0 and gaps["value"][:half].mean() > gaps["value"][-half:].mean()
    holds = low > NEAR and bool((gaps["low"] > 0).all()) and most_at_low
    said = verdict(holds, low > 0, high <= 0)
    return Finding(said, "mae − jpeg with SN, mean over SNR, Rayleigh", float(mean["value"]), low, high)


@claim("hu2022_fig4_vit", "Fig. 4", "MAE+SN is far above ViT+SN", _FAR_ABOVE, "accuracy")
def above_vit(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "vit", NEAR)


@claim(
    "hu2022_fig4_approaches",
    "Fig. 4",
    "Without noise MAE approaches ViT",
    f"at the highest SNR over Rayleigh; holds: the interval at most {NEAR:.0%} below; in direction: at most {FAR:.0%}",
    "accuracy",
)
def approaches(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    channel = _fading(accuracies)
    if channel is None:
        return None
    mae, vit = (accuracies.curve(role, False, channel).iloc[-1] for role in ("mae", "vit"))
    value, low, high = difference(_triple(vit), _triple(mae))
    return below("vit − mae without SN, accuracy", value, (low, high), limit=NEAR, most=FAR)


@claim(
    "hu2022_fig5_falls",
    "Fig. 5",
    "Accuracy of all schemes falls as the noise grows",
    "share of steps of the default noise that fall, of those that start above guessing; holds: the intervals of all of "
    "them above 0; in direction: over half",
    "attack_sanity",
)
def falls(tables: Tables, given: Plain) -> Finding | None:
    roles = given["roles"]
    rows = tables["attack_sanity"]
    shown = rows["system"].isin([roles[role] for role in ("mae", "mae_no_at", "vit")])
    rows = rows[shown & (rows["check"] == "monotone") & (rows["attack"] == given["default_noise"])]
    rows = rows[1 - rows["weaker"] > CHANCE]
    return share("share of steps that fall", rows["difference_low"], rows["difference_high"], 0.0)


def _most(tables: Tables, given: Plain, other: str) -> Finding:
    """At the largest ε of the default noise."""
    return Accuracies(tables, given).ahead("mae", other, NEAR, max(given["levels"]))


@claim("hu2022_fig5_no_at", "Fig. 5", "At large ε MAE+SN is far above MAE+SN without AT", _FAR_ABOVE, "accuracy")
def most_above_no_at(tables: Tables, given: Plain) -> Finding | None:
    return _most(tables, given, "mae_no_at")


@claim("hu2022_fig5_vit", "Fig. 5", "At large ε MAE+SN is far above ViT+SN", _FAR_ABOVE, "accuracy")
def most_above_vit(tables: Tables, given: Plain) -> Finding | None:
    return _most(tables, given, "vit")


@claim("hu2022_at", "Section II", "Adversarial training withstands semantic noise", _MORE, "accuracy")
def trained(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "mae_no_at")


@claim("hu2022_awp", "Section II", "Weight perturbation improves robustness further", _MORE, "accuracy")
def perturbed(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_weight_perturbation")


@claim("hu2022_mask", "Section III", "Masking lessens the impact of semantic noise", _MORE, "accuracy")
def masked(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_mask")


@claim("hu2022_codebook", "Section III", "The codebook lessens the impact of semantic noise", _MORE, "accuracy")
def discrete(tables: Tables, given: Plain) -> Finding | None:
    return Accuracies(tables, given).ahead("mae", "no_codebook")


@claim(
    "hu2022_fig6_similar",
    "Fig. 6",
    "Trained on AWGN, MAE+SN is similarly accurate over AWGN, Rayleigh and Rician",
    "best less worst channel, at the SNRs at which one is better than guessing; holds: every interval at most "
    f"{NEAR:.0%}; in direction: that of the channels' means over SNR; {_GUESS}",
    "accuracy",
)
def similar(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    names = _channels(accuracies, "awgn", "rayleigh", "rician")
    if len(names) < 3:
        return None
    curves = [accuracies.curve("mae", True, name) for name in names]
    useful = _useful(*curves)
    if not useful.any():
        return None
    points = [[_triple(row) for _, row in curve[useful].iterrows()] for curve in curves]
    spreads = [difference(max(point), min(point)) for point in zip(*points, strict=True)]
    means = [tuple(np.mean(channel, axis=0)) for channel in points]
    _, low, high = difference(max(means), min(means))
    value, least, most = (max(ends) for ends in zip(*spreads, strict=True))
    said = verdict(most <= NEAR, high <= NEAR, low > NEAR)
    return Finding(said, "largest spread over SNR, accuracy", value, max(least, 0.0), most)


@claim(
    "hu2022_fig6_conventional",
    "Fig. 6",
    "Over every channel MAE+SN is above the conventional scheme, most at low SNR",
    "share of points (channel, SNR) at which it is, of those where one of the two is better than guessing; holds: the "
    f"differences' intervals above 0 at all of them; in direction: at over half; {_GUESS}",
    "accuracy",
)
def above_everywhere(tables: Tables, given: Plain) -> Finding | None:
    accuracies = Accuracies(tables, given)
    gaps = []
    for name in _channels(accuracies, "awgn", "rayleigh", "rician"):
        mae, jpeg = (accuracies.curve(role, True, name) for role in ("mae", "jpeg"))
        gaps.append(_differences(mae, jpeg)[_useful(mae, jpeg)])
    if not gaps:
        return None
    points = pd.concat(gaps)
    return share("share of points", points["low"], points["high"], 0.0)


@claim(
    "hu2022_fig6_degrades",
    "Fig. 6",
    "The conventional scheme degrades over Rayleigh and Rician channels",
    f"mean over SNRs where AWGN delivers, AWGN less the better of the two; {_MORE}",
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
    works = _useful(awgn) & (awgn["accuracy"] >= 0.9 * awgn["accuracy"].max()).to_numpy()
    if not works.any():
        return None
    best = max(others, key=lambda rows: float(rows["accuracy"][works].mean()))
    lost = _differences(awgn[works], best[works]).mean()
    ends = (float(lost["low"]), float(lost["high"]))
    return above("AWGN − fading, accuracy", float(lost["value"]), ends, limit=0.0)
