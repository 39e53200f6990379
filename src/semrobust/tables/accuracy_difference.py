"""How much more accurate one system is than another, on the same images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.roles import FINE, SCHEMES, recognition_roles
from semrobust.config.settings import LEVELS, Plain
from semrobust.data.content import CLASSES
from semrobust.measure.names import ERROR_FREE, NONE, TRANSFER
from semrobust.pipeline.work import Work
from semrobust.tables.classified import classified
from semrobust.tables.paired import OVER_IMAGES, OVER_TRAININGS, Answers, difference, discordant, mcnemar
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common


class Link(NamedTuple):
    """Over what images were sent."""

    channel: str
    snr_db: float | None


class Noise(NamedTuple):
    """What images were sent under, made against the system itself."""

    attack: str
    norm: str
    level: float


Right = npt.NDArray[np.bool_]
_Conditions = dict[tuple[Link, Noise], Right]


@dataclass(frozen=True)
class System:
    """What was classified correctly by the trainings of one thing, under the name that they go by."""

    name: str
    trainings: list[_Conditions]

    @cached_property
    def conditions(self) -> list[tuple[Link, Noise]]:
        """Those that all of them were measured under."""
        return [key for key in self.trainings[0] if all(key in training for training in self.trainings)]

    def link(self, asked: Link) -> Link:
        """That one, or for a system that no channel reaches the only one that it has."""
        only = all(link.channel == ERROR_FREE for link, _ in self.conditions)
        return Link(ERROR_FREE, None) if only else asked

    def right(self, link: Link, noise: Noise) -> Right | None:
        """Per training and image (trainings, n), None where it was not measured."""
        found = [training.get((link, noise)) for training in self.trainings]
        return None if any(of is None for of in found) else np.stack([of for of in found if of is not None])


def make(work: Work) -> pd.DataFrame:
    """Rows (system, channel, SNR, noise, and what it is compared with), see `_pairs`."""
    given, resamples, rows = work.settings, bootstrap(work), []
    measured = {system: _conditions(table) for system, table in classified(work)}
    systems = {name: System(name, [measured[of] for of in members]) for name, members in given["trainings"]}
    for one, other, link, other_link, noise in _pairs(systems, given):
        top, bottom = one.right(link, noise), other.right(other_link, noise)
        if top is None or bottom is None:
            continue
        images = min(top.shape[1], bottom.shape[1])
        sides = [Answers(side[:, :images], 1 / CLASSES, resamples(images)) for side in (top, bottom)]
        rows.append(
            common(work, one.name, np.nan if link.snr_db is None else link.snr_db, images, link.channel)
            | {"other_system": other.name, "other_channel": other_link.channel, "other_snr_db": other_link.snr_db}
            | {"attack": noise.attack, "norm": noise.norm, "semantic_noise_eps": noise.level / LEVELS}
            | _compared(*sides)
        )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _pairs(systems: dict[str, System], given: Plain) -> Iterator[tuple[System, System, Link, Link, Noise]]:
    """What is compared with what, under which noise.

    The paper's proposal with every other system, wherever both were measured; and so the scheme at a finer grain with
    the plain classifier and the scheme as it is. And each of its schemes with itself: over
    every channel with that over `recognition.channel` at the same SNR, and at the highest SNR with that at the lowest.
    """
    others = {given["proposal"]: list(systems), given["fine"]: given["beside_fine"]}
    for first, second in ((systems[one], systems[name]) for one, of in others.items() if one for name in of):
        if second is not first:
            yield from ((first, second, link, second.link(link), noise) for link, noise in first.conditions)
    for system in (systems[name] for name in given["schemes"]):
        for link, noise in system.conditions:
            if link.snr_db is None:
                continue
            if link.channel != given["channel"]:
                yield system, system, link, Link(given["channel"], link.snr_db), noise
            if link.snr_db == given["snr_db"][-1] != given["snr_db"][0]:
                yield system, system, link, Link(link.channel, given["snr_db"][0]), noise


def _conditions(table: pd.DataFrame) -> _Conditions:
    """Right or wrong per image in order, of what was made against the system itself and is noise at all."""
    own = table[(table["attack"] == NONE) | ((table["attack"] != TRANSFER) & (table["level"] > 0))]
    found: _Conditions = {}
    for key, rows in own.groupby(["channel", "snr_db", "attack", "norm", "level"], sort=False, dropna=False):
        channel, snr_db, attack, norm, level = cast("tuple[str, float, str, str, float]", key)
        link = Link(channel, None if np.isnan(snr_db) else snr_db)
        found[link, Noise(attack, norm, level)] = rows.sort_values("image")["right"].to_numpy(dtype=bool)
    return found


def _compared(one: Answers, other: Answers) -> Row:
    several = max(len(one.right), len(other.right)) > 1
    value, low, high = difference(one, other)
    row: Row = {
        "n_seeds": len(one.right), "other_n_seeds": len(other.right),
        "accuracy": one.accuracies.mean(), "other_accuracy": other.accuracies.mean(),
        "difference": value, "difference_low": low, "difference_high": high,
        "better_than_guessing": one.better_than_guessing or other.better_than_guessing,
        "interval": OVER_TRAININGS if several else OVER_IMAGES,
    }  # fmt: skip
    if several:
        return row
    only, other_only = discordant(one, other)
    return row | {"only_right": only, "only_other_right": other_only, "mcnemar_p": mcnemar(only, other_only)}


def settings(params: Params) -> Plain:
    trainings = params.alike(params.of_task("class"))
    group = {member: name for name, members in trainings.items() for member in members}
    roles = recognition_roles(params.section("systems"))
    return {
        "trainings": [[name, members] for name, members in trainings.items()],
        "proposal": group[roles["mae"]] if "mae" in roles else None,
        "fine": group[roles[FINE]] if FINE in roles else None,
        "beside_fine": [group[roles[role]] for role in ("vit", "mae_no_at") if role in roles],
        "schemes": [group[roles[role]] for role in SCHEMES if role in roles],
        "channel": params.recognition.channel,
        "snr_db": params.recognition.snr_db,
    }


TABLE = Table(
    columns=(
        "other_system", "other_channel", "other_snr_db", "attack", "norm", "semantic_noise_eps", "n_seeds",
        "other_n_seeds", "accuracy", "other_accuracy", "difference", "difference_low", "difference_high",
        "better_than_guessing", "only_right", "only_other_right", "mcnemar_p", "interval",
    ),
    brackets="difference",
    needs=lambda params: [("accuracy", system) for system in params.of_task("class")],
    settings=settings,
    make=make,
    caption="""
Differences of accuracy on the same images

One row per system, channel, SNR, semantic noise and what it is compared with, another system or the same one over
another channel or SNR: accuracies, their difference with its paired 95% interval over at most
{{ params.recognition.images | number }} test images of {{ dataset }} (and trainings, where there are several), and the
exact p of McNemar.
""",
)  # fmt: skip
