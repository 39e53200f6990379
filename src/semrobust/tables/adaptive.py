"""What is left of each receiver's accuracy under attacks that know its defence: per image the worst counts.

Signs that an accuracy is left because attacks fail and not because a receiver withstands (Athalye, Carlini, Wagner
2018; Carlini et al. 2019) are flagged in the rows that they are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from semrobust.config.settings import LEVELS, Plain
from semrobust.measure.names import NONE, TRANSFER, split
from semrobust.pipeline.work import Work
from semrobust.tables.classified import accuracy, classified
from semrobust.tables.statistics import Bootstrap, interval
from semrobust.tables.table import COMMON, Table, common, samples

if TYPE_CHECKING:
    from semrobust.config.params import Params

WHITE_BOX, BLACK_BOX, ALL = "white_box", "black_box", "all"
"""Families beside `TRANSFER`: follows the system's own gradient, or asks or knows nothing; and all of them."""

WORST = "worst"
"""The attack that takes each image by whichever of a family does."""

_FAMILIES = {"random": BLACK_BOX, "square": BLACK_BOX}
"""Of kinds of noise; all others follow a gradient."""

NO_GRADIENT, NO_RISE = "no_gradient", "loss_does_not_rise"
WITHSTANDS, BEATS_WHITE_BOX = "withstands_all", "beats_white_box"
_FEW = 0.05
"""Share of images without any gradient above which they are flagged, and accuracy above which large noise is."""

_LARGE = 64.0
"""Levels from which on noise can hide any image: nothing should be classified correctly but by chance."""

Right = npt.NDArray[np.bool_]


def tried(work: Work) -> Iterator[tuple[str, pd.DataFrame]]:
    """Every system with rows of all noise of the default size and norm, from `accuracy` and from `adaptive`, on the
    same images; and of adaptive noise at its other sizes."""
    given = work.settings
    made = {split(pair): samples(found) for pair, found in work.inputs("adaptive").items()}
    for system, table in classified(work):
        own = {noise: rows for (of, noise), rows in made.items() if of == system}
        if not own:
            continue
        default = (table["level"] == given["level"]) & (table["norm"] == given["norm"])
        links = next(iter(own.values()))[["channel", "snr_db"]].drop_duplicates()
        before = table[((table["attack"] == NONE) | default) & (table["image"] < given["images"])].merge(links)
        parts = [before.assign(rise=np.nan)]
        parts += [rows.assign(attack=noise, source=system) for noise, rows in own.items()]
        columns = ["channel", "snr_db", "attack", "norm", "level", "source", "image", "right", "rise", "zero_gradient"]
        yield system, pd.concat([part[columns] for part in parts], ignore_index=True)


def make(work: Work) -> pd.DataFrame:
    """Rows (system, link, attack or worst of a family): see the columns in docs/files.md."""
    rows: list[dict[str, Any]] = []
    for system, table in tried(work):
        for key, at in table.groupby(["channel", "snr_db"], sort=False, dropna=False):
            channel, snr_db = cast("tuple[str, float]", key)
            rows += [common(work, system, snr_db, at["image"].nunique(), channel) | line for line in _lines(work, at)]
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


@dataclass(frozen=True)
class _Set:
    """Images under one noise: which are `right`, and what was measured, image by image in `rows`."""

    attack: str
    family: str
    norm: str
    level: float
    source: str
    rows: pd.DataFrame
    right: Right

    def line(self) -> dict[str, Any]:
        named = {"attack": self.attack, "family": self.family, "norm": self.norm, "source": self.source}
        return named | {"semantic_noise_eps": self.level / LEVELS, "flags": ""} | accuracy(self.right)


def _sets(table: pd.DataFrame, kinds: Plain) -> list[_Set]:
    found = []
    for key, group in table.groupby(["attack", "level", "source", "norm"], sort=False, dropna=False):
        attack, level, source, norm = cast("tuple[str, float, str, str]", key)
        family = attack if attack in (NONE, TRANSFER) else _FAMILIES.get(kinds[attack], WHITE_BOX)
        rows = group.sort_values("image")
        found.append(_Set(attack, family, norm, level, source, rows, rows["right"].to_numpy(bool)))
    return found


def _lines(work: Work, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Of one system over one link: no noise, each attack, the worst of each family, the worst of all."""
    given = work.settings
    sets = _sets(table, given["kinds"])
    clean = next(one.right for one in sets if one.attack == NONE)
    resamples = Bootstrap(len(clean), given["bootstrap_samples"], work.seed)
    compared = [one for one in sets if (one.level, one.norm) == (given["level"], given["norm"])]
    takers = np.sum([clean & ~one.right for one in compared], axis=0)
    for one in sets:
        line = one.line()
        if one in compared:
            taken = clean & ~one.right
            line |= {"taken": int(taken.sum()), "taken_alone": int((taken & (takers == 1)).sum())}
        yield line | _judged(one, line["accuracy_low"], resamples)
    families = list(dict.fromkeys(one.family for one in compared))
    white = np.all([one.right for one in compared if one.family == WHITE_BOX], axis=0)
    for family in (*families, ALL):
        right = np.all([one.right for one in compared if family in (one.family, ALL)], axis=0)
        line = _Set(WORST, family, given["norm"], given["level"], "", table, right).line()
        line |= {"taken": int((clean & ~right).sum())}
        if family in (BLACK_BOX, TRANSFER) and WHITE_BOX in families:
            excess = white.astype(float) - right
            low, high = interval(resamples.means(excess))
            line |= {"excess": excess.mean(), "excess_low": low, "excess_high": high}
            line |= {"flags": BEATS_WHITE_BOX if low > 0 else ""}
        yield line


def _judged(one: _Set, accuracy_low: float, resamples: Bootstrap) -> dict[str, Any]:
    """What its gradients and losses say of an attack, and the flags that these and its accuracy raise."""
    said: dict[str, Any] = {}
    flags = []
    gradient, rise = (one.rows[name].to_numpy(float) for name in ("zero_gradient", "rise"))
    if one.attack not in (NONE, TRANSFER) and np.isfinite(gradient).all():
        said["no_gradient_rate"] = float((gradient == 1).mean())
        flags += [NO_GRADIENT] if said["no_gradient_rate"] > _FEW else []
    if np.isfinite(rise).all():
        low, high = interval(resamples.means(rise))
        said |= {"rise": rise.mean(), "rise_low": low, "rise_high": high}
        flags += [NO_RISE] if low <= 0 else []
    if one.level >= _LARGE and accuracy_low > _FEW:
        flags.append(WITHSTANDS)
    return said | {"flags": " ".join(flags)}


def settings(params: Params) -> Plain:
    given = params.recognition
    noise = {**given.noise, **given.adaptive.noise}
    return {
        "kinds": {name: entry.kind for name, entry in noise.items()},
        "level": given.default_level,
        "norm": given.noise[given.default_noise].norm,
        "images": given.adaptive_images,
    }


def _systems(params: Params) -> list[str]:
    return list(dict.fromkeys(system for system, _ in params.adaptive_pairs()))


TABLE = Table(
    columns=(
        "attack", "family", "norm", "semantic_noise_eps", "source", "accuracy", "accuracy_low", "accuracy_high",
        "taken", "taken_alone", "excess", "excess_low", "excess_high", "rise", "rise_low", "rise_high",
        "no_gradient_rate", "flags", "interval",
    ),
    brackets="accuracy",
    needs=lambda params: [
        *(("accuracy", system) for system in _systems(params)),
        *(("adaptive", ".".join(pair)) for pair in params.adaptive_pairs()),
    ],
    settings=settings,
    make=make,
    caption="""
What attacks that know the defence leave

One row per system, link and attack, and for the worst of each family and of all, image by image: share of the first
{{ [params.recognition.images, params.recognition.adaptive.images] | min | number }} test images of {{ dataset }}
classified correctly at ε = {{ params.recognition.default_level | number }}/255, with Wilson 95% intervals; how many
images each attack took and how many it took alone; and signs of attacks that fail where a receiver does not withstand.
""",
)  # fmt: skip
