"""What hu2022 claims, against a run's tables. SN: under the default semantic noise at its default level."""

from __future__ import annotations

import pandas as pd

from semrobust.claims.claim import Finding, Tables, above, below, claim, share, verdict
from semrobust.config.settings import LEVELS, Plain
from semrobust.data.content import CLASSES
from semrobust.measure.names import NONE

NEAR, FAR = 0.05, 0.15
"""Differences of accuracy that we call "similar" or "approaches", and at most its direction."""

_GUESS = "guessing counts where it is more accurate"
_MORE = f"holds: the difference's interval above 0; does not hold: not above 0; {_GUESS}"
_FAR_ABOVE = f"holds: the difference's interval above {NEAR:.0%}; in direction: above 0; {_GUESS}"
_PART = (
    "mean over the ε of the default noise at which one of the two is better than guessing; holds: the difference's "
    f"interval above 0, and at no ε below 0; in direction: above 0; {_GUESS}"
)

Triple = tuple[float, float, float]
"""A difference of accuracies, with the ends of its interval."""


class Differences:
    """The table `accuracy_difference`, asked by scheme. KeyError for what the run lacks.

    Every row is paired: over the same images, and over trainings where there are several.
    """

    def __init__(self, tables: Tables, given: Plain) -> None:
        self.given, self.table, self.names = given, tables["accuracy_difference"], given["compared"]

    def between(self, role: str, other: str) -> pd.DataFrame:
        """Rows of two schemes; of one with itself those over other channels, or SNRs."""
        of_both = (self.table["system"] == self.names[role]) & (self.table["other_system"] == self.names[other])
        found: pd.DataFrame = self.table[of_both].sort_values("snr_db")
        return found

    def noisy(self, role: str, other: str, level: float | None = None) -> pd.DataFrame:
        """Those under the default noise, at its default level or another one."""
        rows, asked = self.between(role, other), self.given["default_level"] if level is None else level
        near = (rows["semantic_noise_eps"] * LEVELS - asked).abs() < 0.01
        found: pd.DataFrame = rows[(rows["attack"] == self.given["default_noise"]) & near]
        return found

    def at_point(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those at the channel and SNR where noise is compared."""
        near = (rows["snr_db"] - self.given["at_snr_db"]).abs() < 0.01
        found: pd.DataFrame = rows[(rows["channel"] == self.given["channel"]) & near]
        return found

    def channels(self, *fading: str) -> list[str]:
        """Names of the run's channels with one antenna at each end, perfect CSI and one of these kinds of fading."""
        return [
            name
            for name, of in self.given["channels"]
            if of["fading"] in fading and of["transmit"] == of["receive"] == 1 and of["csi_error"] == 0
        ]

    def rayleigh(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Those over the paper's channel of Fig. 4: Rayleigh, one antenna each, known."""
        return rows[rows["channel"].isin(self.channels("rayleigh")[:1])]

    def from_awgn(self, role: str) -> list[pd.DataFrame]:
        """Of each fading channel that the paper names the useful rows of a scheme over it, compared with AWGN."""
        if self.given["channel"] not in self.channels("awgn"):
            raise KeyError("awgn")
        rows = _useful(self.noisy(role, role))
        rows = rows[rows["channel"] != rows["other_channel"]]
        return [rows[rows["channel"] == name] for name in self.channels("rayleigh", "rician")]

    def ahead(self, other: str, level: float | None = None) -> Finding:
        """Whether under noise the proposal is far more accurate than `other`."""
        value, *ends = _triple(self.at_point(self.noisy("mae", other, level)).iloc[0])
        return above(f"mae − {other}, accuracy", value, (ends[0], ends[1]), limit=NEAR, least=0.0)

    def part(self, other: str) -> Finding | None:
        """Whether a part of the proposal makes it more accurate under noise than `other`, which lacks it."""
        rows = self.at_point(self.between("mae", other))
        rows = _useful(rows[rows["attack"] == self.given["default_noise"]])
        if rows.empty:
            return None
        value, low, high = _mean(rows)
        said = verdict(low > 0 and bool((rows["difference_high"] >= 0).all()), low > 0, high <= 0)
        seeds = [int(rows[column].iloc[0]) for column in ("n_seeds", "other_n_seeds")]
        of = f", {seeds[0]} and {seeds[1]} trainings" if max(seeds) > 1 else ""
        return Finding(said, f"mae − {other}, accuracy, mean over {len(rows)} ε{of}", value, low, high)


def _triple(row: pd.Series[float]) -> Triple:
    return float(row["difference"]), float(row["difference_low"]), float(row["difference_high"])


def _mean(rows: pd.DataFrame) -> Triple:
    """The mean of several differences, its interval from the ends of theirs, so it is a wide one."""
    return _triple(rows[["difference", "difference_low", "difference_high"]].mean())


def _reversed(difference: Triple) -> Triple:
    """That of the other from the one."""
    value, low, high = difference
    return -value, -high, -low


def _useful(rows: pd.DataFrame) -> pd.DataFrame:
    """Those where at least one of the two is more accurate than guessing, by its interval."""
    return rows[rows["better_than_guessing"].astype(bool)]


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
    "accuracy_difference",
)
def rises(tables: Tables, given: Plain) -> Finding | None:
    differences, found = Differences(tables, given), []
    for role in ("mae", "jpeg"):
        rows = differences.rayleigh(differences.noisy(role, role))
        found.append(_triple(rows[rows["channel"] == rows["other_channel"]].iloc[0]))
    value, low, high = (min(ends) for ends in zip(*found, strict=True))
    return above("highest − lowest SNR, smaller of the two", value, (low, high), limit=0.0)


@claim(
    "hu2022_fig4_conventional",
    "Fig. 4",
    "The proposed scheme is far above the conventional one, most at low SNR",
    f"mean over the SNRs at which one of them is better than guessing; holds: the gap's interval above {NEAR:.0%}, at "
    f"every one of them above 0, and at low SNRs above that at high ones; in direction: above 0; {_GUESS}",
    "accuracy_difference",
)
def above_conventional(tables: Tables, given: Plain) -> Finding | None:
    differences = Differences(tables, given)
    gaps = _useful(differences.rayleigh(differences.noisy("mae", "jpeg")))
    if gaps.empty:
        return None
    (value, low, high), half = _mean(gaps), len(gaps) // 2
    # more at low SNRs, by the intervals of both halves
    most_at_low = half > 0 and _mean(gaps[:half])[1] > _mean(gaps[-half:])[2]
    holds = low > NEAR and bool((gaps["difference_low"] > 0).all()) and most_at_low
    said = verdict(holds, low > 0, high <= 0)
    return Finding(said, "mae − jpeg with SN, mean over SNR, Rayleigh", value, low, high)


@claim("hu2022_fig4_vit", "Fig. 4", "MAE+SN is far above ViT+SN", _FAR_ABOVE, "accuracy_difference")
def above_vit(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).ahead("vit")


@claim(
    "hu2022_fig4_approaches",
    "Fig. 4",
    "Without noise MAE approaches ViT",
    f"at the highest SNR over Rayleigh; holds: the interval at most {NEAR:.0%} below; in direction: at most {FAR:.0%}",
    "accuracy_difference",
)
def approaches(tables: Tables, given: Plain) -> Finding | None:
    differences = Differences(tables, given)
    rows = differences.rayleigh(differences.between("mae", "vit"))
    value, low, high = _reversed(_triple(rows[rows["attack"] == NONE].iloc[-1]))
    return below("vit − mae without SN, accuracy", value, (low, high), limit=NEAR, most=FAR)


@claim(
    "hu2022_fig4_grain",
    "Fig. 4",
    "Without noise MAE approaches ViT, at patches as fine as the paper's and before adversarial training",
    f"at the highest SNR over Rayleigh; holds: the interval at most {NEAR:.0%} below; in direction: at most {FAR:.0%}",
    "accuracy_difference",
)
def approaches_at_a_finer_grain(tables: Tables, given: Plain) -> Finding | None:
    differences = Differences(tables, given)
    rows = differences.rayleigh(differences.between("mae_fine", "vit"))
    value, low, high = _reversed(_triple(rows[rows["attack"] == NONE].iloc[-1]))
    return below("vit − mae_fine without SN, accuracy", value, (low, high), limit=NEAR, most=FAR)


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
    rows = rows[1 - rows["weaker"] > 1 / CLASSES]
    return share("share of steps that fall", rows["difference_low"], rows["difference_high"], 0.0)


@claim(
    "hu2022_fig5_no_at", "Fig. 5", "At large ε MAE+SN is far above MAE+SN without AT", _FAR_ABOVE, "accuracy_difference"
)
def most_above_no_at(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).ahead("mae_no_at", max(given["levels"]))


@claim("hu2022_fig5_vit", "Fig. 5", "At large ε MAE+SN is far above ViT+SN", _FAR_ABOVE, "accuracy_difference")
def most_above_vit(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).ahead("vit", max(given["levels"]))


@claim("hu2022_at", "Section II", "Adversarial training withstands semantic noise", _PART, "accuracy_difference")
def trained(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).part("mae_no_at")


@claim("hu2022_awp", "Section II", "Weight perturbation improves robustness further", _PART, "accuracy_difference")
def perturbed(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).part("no_weight_perturbation")


@claim("hu2022_mask", "Section III", "Masking lessens the impact of semantic noise", _PART, "accuracy_difference")
def masked(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).part("no_mask")


@claim(
    "hu2022_codebook", "Section III", "The codebook lessens the impact of semantic noise", _PART, "accuracy_difference"
)
def discrete(tables: Tables, given: Plain) -> Finding | None:
    return Differences(tables, given).part("no_codebook")


@claim(
    "hu2022_fig6_similar",
    "Fig. 6",
    "Trained on AWGN, MAE+SN is similarly accurate over AWGN, Rayleigh and Rician",
    "the two from AWGN, at the SNRs at which one is better than guessing; holds: every interval of a difference, up or "
    f"down, at most {NEAR:.0%}; in direction: those of the means over SNR; {_GUESS}",
    "accuracy_difference",
)
def similar(tables: Tables, given: Plain) -> Finding | None:
    by_channel = Differences(tables, given).from_awgn("mae")
    if len(by_channel) < 2 or any(of.empty for of in by_channel):
        return None
    points = [_triple(row) for of in by_channel for _, row in of.iterrows()]
    means = [_mean(of) for of in by_channel]
    (value, least, most), (_, certain, possible) = _furthest(points), _furthest(means)
    said = verdict(most <= NEAR, possible <= NEAR, certain > NEAR)
    return Finding(said, "largest difference from AWGN over SNR, accuracy", value, least, most)


def _furthest(differences: list[Triple]) -> Triple:
    """The largest of them, up or down, how large it is at least, and how large one of them may be."""
    value = max(abs(value) for value, *_ in differences)
    least = max(max(low, -high, 0.0) for _, low, high in differences)
    return value, least, max(max(high, -low) for _, low, high in differences)


@claim(
    "hu2022_fig6_conventional",
    "Fig. 6",
    "Over every channel MAE+SN is above the conventional scheme, most at low SNR",
    "share of points (channel, SNR) at which it is, of those where one of the two is better than guessing; holds: the "
    f"differences' intervals above 0 at all of them; in direction: at over half; {_GUESS}",
    "accuracy_difference",
)
def above_everywhere(tables: Tables, given: Plain) -> Finding | None:
    differences = Differences(tables, given)
    points = _useful(differences.noisy("mae", "jpeg"))
    points = points[points["channel"].isin(differences.channels("awgn", "rayleigh", "rician"))]
    return share("share of points", points["difference_low"], points["difference_high"], 0.0)


@claim(
    "hu2022_fig6_degrades",
    "Fig. 6",
    "The conventional scheme degrades over Rayleigh and Rician channels",
    f"mean over SNRs where AWGN delivers, AWGN less the better of the two; {_MORE}",
    "accuracy_difference",
)
def degrades(tables: Tables, given: Plain) -> Finding | None:
    rows = pd.concat(Differences(tables, given).from_awgn("jpeg"))
    # below its threshold the code fails over every channel, and nothing is left that could degrade
    rows = rows[rows["other_accuracy"] >= 0.9 * rows["other_accuracy"].max()]
    if rows.empty:
        return None
    value, low, high = min(_reversed(_mean(of)) for _, of in rows.groupby("channel"))
    return above("AWGN − fading, accuracy", value, (low, high), limit=0.0)
