"""Does semantic noise behave as an attack must? Checks from the per-image results, each with a verdict.

A defence that only hides its gradients looks robust; these are the usual signs of it (Carlini et al. 2019, "On
evaluating adversarial robustness", §5; Athalye, Carlini, Wagner 2018). Every comparison is paired over images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import LEVELS, Plain
from semrobust.measure.names import ERROR_FREE, NONE, TRANSFER
from semrobust.pipeline import select
from semrobust.pipeline.work import Work
from semrobust.tables.classified import classified
from semrobust.tables.statistics import Bootstrap, Values, interval
from semrobust.tables.table import COMMON, INTERVAL, Table, common

MASKED = 0.5
"""A system is flagged where a larger share of the gradients of sent pixels is exactly zero: noise cannot follow."""


@dataclass(frozen=True)
class _Errors:
    """Which images a system names wrong, by what was done to them."""

    table: pd.DataFrame

    def of(self, attack: str, level: float, channel: str, source: str | None = None) -> Values | None:
        """1.0 for wrong, per image in order; None if it was not tried."""
        rows = self.table[
            (self.table["attack"] == attack) & (self.table["level"] == level) & (self.table["channel"] == channel)
        ]
        if source is not None:
            rows = rows[rows["source"] == source]
        return None if rows.empty else 1.0 - rows.sort_values("image")["right"].to_numpy(dtype=float)


def checks(work: Work, system: str, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Checks of one system from its per-image `table`; each row compares the error rates of two sets of images.

    `difference` = stronger - weaker, which must not be negative. "within_noise": it is, but its interval reaches 0;
    "violated": it does not; "flagged": a share of zero gradients above `MASKED`.
    """
    given, own_facts = work.settings, work.settings["systems"][system]
    kind, level, noises = given["default_noise"], given["default_level"], dict(given["noise"])
    at = (table["channel"] == given["channel"]) & (table["snr_db"] == given["at_snr_db"])
    errors = _Errors(table[(table["channel"] == ERROR_FREE) | at])
    clean = errors.of(NONE, 0.0, ERROR_FREE)
    assert clean is not None
    resamples = Bootstrap(len(clean), given["bootstrap_samples"], work.seed)

    def compare(
        check: str, attack: str, eps: float, stronger: Values | None, weaker: Values | None, what: str,
        channel: str = ERROR_FREE,
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        if stronger is None or weaker is None:
            return
        low, high = interval(resamples.means(stronger - weaker))
        mean = float((stronger - weaker).mean())
        exact = check == "zero_is_clean"
        broken = bool((stronger != weaker).any()) if exact else high < 0
        verdict = "violated" if broken else "holds" if mean >= 0 else "within_noise"
        row = _row(check, attack, eps, (stronger.mean(), weaker.mean()), (mean, low, high), verdict, what)
        yield row | _place(channel, given["at_snr_db"], len(stronger))

    for name in own_facts["noise"]:
        noise = noises[name]
        yield from compare(
            "zero_is_clean", name, 0.0, errors.of(name, 0.0, ERROR_FREE), clean, f"{name}: noise of size 0 is no noise"
        )
        grid = [0.0, *noise["epsilon_levels"]]
        for smaller, larger in pairwise(grid):
            what = f"{name}: {larger:g} levels do at least the harm of {smaller:g}"
            if noise["kind"] == "iterated":
                pair = (errors.of(name, larger, ERROR_FREE), errors.of(name, smaller, ERROR_FREE))
                yield from compare("monotone", name, larger, *pair, what)
    of_kind = {noise["kind"]: name for name, noise in noises.items() if noise["norm"] == noises[kind]["norm"]}
    of_kind[noises[kind]["kind"]] = kind
    for above, below in (("iterated", "single"), ("single", "random")):
        if above in of_kind and below in of_kind:
            pair = (errors.of(of_kind[above], level, ERROR_FREE), errors.of(of_kind[below], level, ERROR_FREE))
            what = f"{of_kind[above]} does at least the harm of {of_kind[below]}"
            yield from compare(f"{above}_vs_{below}", of_kind[above], level, *pair, what)
    own = errors.of(kind, level, ERROR_FREE)
    for source in given["order"]:
        moved = errors.of(TRANSFER, level, ERROR_FREE, source)
        what = f"noise made on the system does at least the harm of noise made on {source}"
        yield from compare("white_box_vs_transfer", TRANSFER, level, own, moved, what)
    for name, noise in noises.items():
        if noise["through"] == given["channel"]:
            pair = (errors.of(kind, level, given["channel"]), errors.of(name, level, given["channel"]))
            what = "noise made as if nothing were lost does at least the harm of noise made through the channel"
            yield from compare("channel_blind_vs_aware", kind, level, *pair, what, given["channel"])
    zero = table[(table["attack"] == kind) & (table["level"] == level) & (table["channel"] == ERROR_FREE)]
    if len(zero):
        # nobody behind the transmitter sees a hidden patch: its gradients are zero by design
        hidden = own_facts["masking_ratio"]
        share = (zero["zero_gradient"].to_numpy(dtype=float) - hidden) / (1 - hidden)
        low, high = interval(resamples.means(share))
        verdict = "flagged" if share.mean() > MASKED else "holds"
        what = "share of gradients of the pixels that are sent which are exactly zero"
        difference = (float(share.mean()), low, high)
        row = _row("zero_gradients", kind, level, (share.mean(), MASKED), difference, verdict, what)
        yield row | _place(ERROR_FREE, np.nan, len(share))


def _place(channel: str, snr_db: float, images: int) -> dict[str, Any]:
    return {"channel": channel, "snr_db": np.nan if channel == ERROR_FREE else snr_db, "n_images": images}


def _row(
    check: str, attack: str, level: float, sides: tuple[float, float], difference: tuple[float, float, float],
    verdict: str, description: str,
) -> dict[str, Any]:  # fmt: skip
    return {
        "check": check,
        "attack": attack,
        "semantic_noise_eps": level / LEVELS,
        "stronger": float(sides[0]),
        "weaker": float(sides[1]),
        "difference": difference[0],
        "difference_low": difference[1],
        "difference_high": difference[2],
        "verdict": verdict,
        "description": description,
        "interval": INTERVAL,
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (system, check), see `checks`."""
    rows = []
    for system, table in classified(work):
        for line in checks(work, system, table):
            row = common(work, system, line.pop("snr_db"), line.pop("n_images"), line.pop("channel"))
            rows.append(row | line)
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def settings(params: Params) -> Plain:
    given, systems = params.recognition, params.of_task("class")
    return {
        "order": systems,
        "systems": {
            name: {
                "noise": params.noise_against(name),
                "masking_ratio": getattr(params.systems[name], "masking_ratio", 0.0),
            }
            for name in systems
        },
        "noise": [[name, select.noise(params, name)] for name in given.noise],
        "default_noise": given.default_noise,
        "default_level": given.default_level,
        "channel": given.channel,
        "at_snr_db": given.at_snr_db,
    }


TABLE = Table(
    columns=(
        "check", "attack", "semantic_noise_eps", "stronger", "weaker", "difference", "difference_low",
        "difference_high", "verdict", "description", "interval",
    ),
    brackets="difference",
    needs=lambda params: [("accuracy", system) for system in params.of_task("class")],
    settings=settings,
    make=make,
    caption="""
Checks of the semantic noise

One row per system, check, noise and ε: error rates under the noise that should be stronger and under the weaker one,
their difference with a paired 95% bootstrap interval over {{ params.recognition.images | number }} test images of
{{ dataset }}, and the verdict.
""",
)  # fmt: skip
