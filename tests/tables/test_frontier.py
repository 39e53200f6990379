"""The frontier: who is on a side's front, on tables small enough to see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from semrobust.config import params
from semrobust.tables.frontier import on_front
from tests.conftest import raw_params
from tests.tables import fake, test_tables
from tests.tables.test_tables import CHAIN, NET, NEVER, STUDIED, Project, only


def cases(*values: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array(values)[:, None]


def test_a_front_is_what_nobody_dominates() -> None:
    psnr, power = cases(20.0, 25.0, 30.0, 24.0, 25.0), cases(9.0, 5.0, 1.0, 4.0, 5.0)
    # the fourth is worse than the second in both; the second and the fifth are equal, and neither is better
    assert on_front(psnr, power)[:, 0].tolist() == [True, True, True, False, True]
    assert on_front(cases(20.0, 20.0), cases(1.0, 2.0))[:, 0].tolist() == [False, True]
    assert on_front(cases(20.0), cases(1.0)).all()


def test_every_case_has_a_front_of_its_own() -> None:
    psnr, power = np.array([[20.0, 20.0], [21.0, 19.0]]), np.array([[1.0, 1.0], [2.0, 0.5]])
    assert on_front(psnr, power).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("link", "asked", "expected"),
    [
        ([0.0, 5.0, 10.0, 20.0], [6.0, 10.0, 20.0], [5.0, 10.0, 20.0]),  # params/demo.yaml
        ([4.0, 12.0], [6.0, 10.0, 20.0], [4.0, 12.0]),  # params/ci.yaml
        ([4.0, 8.0], [6.0], [4.0]),
    ],
)
def test_the_frontier_is_at_snrs_of_the_link(link: list[float], asked: list[float], expected: list[float]) -> None:
    raw = raw_params()
    raw["link"]["snr_db"], raw["evaluation"]["frontier_snr_db"] = link, asked
    raw["evaluation"]["gallery_snr_db"] = link[0]
    assert params.validate(raw).frontier_snr_db() == expected


def test_frontier_by_hand(tmp_path: Path) -> None:
    """At 10 dB the chain of the study loses nothing by itself, the other one half of its images."""
    of = Project(test_tables.tiny(), tmp_path)
    assert of.params.frontier_snr_db() == [10.0]
    for system in of.params.compared():
        of.add(f"clean/{system}", test_tables.clean_rows(system, 10.0))
    for system, attack in of.params.pairs():
        of.add(f"attack/{system}.{attack}", test_tables.attacked_rows(system, attack, 10.0))
    certified = pd.DataFrame({"image": [0, 1, 2], "snr_db": 10.0, "certified_power": [3.0, 1.0, np.nan]})
    of.add(f"certificate/{NET}", certified.assign(smoothed_power=1.0))
    table = fake.made(of.params, "frontier", of.folder)
    net, chain, studied, never = (only(table, system=name) for name in (NET, CHAIN, STUDIED, NEVER))
    # best of 10, 20, 30, ∞ by random directions and 4, 30, 12, ∞ by PGA, which is the cheaper one on two of three
    assert (net["power_total_median"], net["attack"], net["psnr_db"]) == (12.0, "pga", 24.0)
    assert (net["paper_attack"], net["paper_power"]) == ("pga", 12.0)
    assert (net["certified_power"], net["certified_images"]) == (1.0, 2)
    assert (net["works"], net["on_front"], net["front_rate"]) == (True, True, 1.0)
    assert (chain["lost_rate"], chain["works"], chain["on_front"]) == (0.5, False, False)
    assert (studied["power_total_median"], studied["on_front"], studied["certified_images"]) == (5.0, True, 0)
    assert (never["status"], never["works"]) == ("infeasible", False)
    assert np.isnan(never["psnr_db"])
    assert np.isnan(never["power_total_median"])
