"""Verdicts on hu2022: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.claims.claim import Finding
from semrobust.config.roles import recognition_roles
from semrobust.pipeline.verdicts import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, UNTESTED
from tests.claims.judging import Tables, accuracy, shifted, verdict
from tests.figures.samples import PARAMS


def test_every_role_of_both_papers_is_found() -> None:
    assert recognition_roles(PARAMS.section("systems")) == {
        "mae": "mae_vq", "mae_no_at": "mae_no_at", "jpeg": "jpeg_vit_full", "vit": "vit", "mae_coded": "mae_vq_coded",
        "chain": "hevc_vit", "no_weight_perturbation": "mae_no_awp", "no_mask": "mae_no_mask",
        "no_codebook": "mae_no_codebook",
    }  # fmt: skip


FAR = {"hu2022_fig4_vit": "vit", "hu2022_fig5_vit": "vit", "hu2022_fig5_no_at": "mae_no_at"}
PARTS = {
    "hu2022_at": "mae_no_at", "hu2022_awp": "mae_no_awp", "hu2022_mask": "mae_no_mask",
    "hu2022_codebook": "mae_no_codebook",
}  # fmt: skip


@pytest.mark.parametrize(("name", "other"), (FAR | PARTS).items())
def test_the_paired_difference_decides_what_mae_is_compared_with(name: str, other: str) -> None:
    def found(mae: float, than: float) -> Finding:
        return verdict(name, accuracy({"mae_vq": mae, other: than}))

    clearly = found(0.5, 0.3)
    assert clearly.verdict == HOLDS
    assert (clearly.value, clearly.low, clearly.high) == pytest.approx((0.2, 0.18, 0.22))
    assert found(0.5, 0.44).verdict == (DIRECTION if name in FAR else HOLDS)
    assert [found(0.5, than).verdict for than in (0.49, 0.5, 0.51)] == [INCONCLUSIVE] * 3
    assert found(0.5, 0.6).verdict == FAILS
    # who is worse than guessing is no better than another one who is
    assert found(0.05, 0.0).verdict == (UNTESTED if name in PARTS else INCONCLUSIVE)
    assert found(0.5, 0.0).value == pytest.approx(0.4)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_judged_over_all_levels_at_which_there_is_something_to_tell(name: str) -> None:
    table = accuracy({"mae_vq": 0.5, PARTS[name]: 0.4})["accuracy_difference"]
    of_part = table["other_system"] == PARTS[name]
    levels = (table["semantic_noise_eps"] * 255).round()

    def found(rows: pd.Series[bool], by: float, **columns: int) -> Finding:
        ends = ("difference", "difference_low", "difference_high")
        changed = shifted(table, of_part & rows, by, *ends)
        for column, value in columns.items():
            changed[column] = changed[column].mask(of_part & rows, value)
        return verdict(name, {"accuracy_difference": changed})

    assert "mean over 5 ε" in found(levels == 8, 0.0).measure
    assert found(levels == 8, -0.15).verdict == DIRECTION  # against it at one ε, for it in the mean
    assert found(levels >= 8, -0.25).verdict == INCONCLUSIVE
    assert found(levels >= 1, -0.15).verdict == FAILS
    guessing = found(levels >= 8, -0.15, better_than_guessing=False)
    assert guessing.verdict == HOLDS
    assert "mean over 3 ε" in guessing.measure
    of_three = found(levels >= 1, 0.0, n_seeds=3, other_n_seeds=1)
    assert of_three.measure.endswith("3 and 1 trainings")


def test_schemes_are_compared_where_one_of_them_is_better_than_guessing() -> None:
    both = ("hu2022_fig4_conventional", "hu2022_fig6_conventional")

    def found(mae: float, jpeg: float) -> list[str]:
        return [verdict(name, accuracy({"mae_vq": mae, "jpeg_vit_full": jpeg})).verdict for name in both]

    assert found(0.5, 0.3) == [DIRECTION, HOLDS]  # the same gap at every SNR is not most at low ones
    assert found(0.5, 0.5) == [INCONCLUSIVE, INCONCLUSIVE]
    assert found(0.3, 0.5) == [FAILS, FAILS]
    assert found(0.09, 0.05) == [UNTESTED, UNTESTED]


@pytest.mark.parametrize(("at_low", "expected"), [(0.05, HOLDS), (0.03, DIRECTION), (-0.1, DIRECTION)])
def test_most_at_low_snr_is_so_by_the_intervals(at_low: float, expected: str) -> None:
    table = accuracy({"mae_vq": 0.5, "jpeg_vit_full": 0.3})["accuracy_difference"]
    low = (table["other_system"] == "jpeg_vit_full") & (table["snr_db"] < 6)
    moved = shifted(table, low, at_low, "difference", "difference_low", "difference_high")
    assert verdict("hu2022_fig4_conventional", {"accuracy_difference": moved}).verdict == expected


def test_similar_over_channels_is_the_largest_difference_from_awgn() -> None:
    def found(difference: float, at_snr_db: float | None = None, width: float = 0.01) -> Finding:
        table = accuracy({"mae_vq": 0.4}, width=width)["accuracy_difference"]
        rows = (table["channel"] == "rician") & (table["other_system"] == "mae_vq")
        rows &= True if at_snr_db is None else table["snr_db"] == at_snr_db
        ends = ("difference", "difference_low", "difference_high")
        return verdict("hu2022_fig6_similar", {"accuracy_difference": shifted(table, rows, difference, *ends)})

    assert (found(0.0).verdict, found(0.0).value) == (HOLDS, 0.0)
    for sign in (1, -1):
        assert found(sign * 0.2, at_snr_db=12.0).verdict == DIRECTION
        assert found(sign * 0.05).verdict == INCONCLUSIVE
        assert found(sign * 0.2).verdict == FAILS
        assert (found(sign * 0.2).value, found(sign * 0.2).low) == pytest.approx((0.2, 0.19))
    assert found(0.0, width=0.1).verdict == INCONCLUSIVE  # intervals too wide to show that they are similar


@pytest.mark.parametrize(
    ("mae", "jpeg", "expected"), [(0.2, 0.1, HOLDS), (0.2, 0.01, INCONCLUSIVE), (-0.1, 0.2, FAILS)]
)
def test_rising_with_snr_is_the_highest_less_the_lowest_of_the_worse_scheme(
    mae: float, jpeg: float, expected: str
) -> None:
    table = accuracy({"mae_vq": 0.5, "jpeg_vit_full": 0.3})["accuracy_difference"]
    same = (table["system"] == table["other_system"]) & (table["channel"] == table["other_channel"])
    for system, by in (("mae_vq", mae), ("jpeg_vit_full", jpeg)):
        rows = same & (table["system"] == system)
        table = shifted(table, rows, by, "difference", "difference_low", "difference_high")
    found = verdict("hu2022_fig4_snr", {"accuracy_difference": table})
    assert found.verdict == expected
    assert found.value == pytest.approx(min(mae, jpeg))


@pytest.mark.parametrize(
    ("rayleigh", "rician", "expected"), [(-0.2, -0.1, HOLDS), (-0.2, 0.0, INCONCLUSIVE), (-0.2, 0.1, FAILS)]
)
def test_fading_degrades_only_what_awgn_delivers_and_by_the_better_channel(
    rayleigh: float, rician: float, expected: str
) -> None:
    table = accuracy({"jpeg_vit_full": 0.5})["accuracy_difference"]
    jpeg = (table["system"] == "jpeg_vit_full") & (table["channel"] != table["other_channel"])
    for channel, by in (("rayleigh", rayleigh), ("rician", rician)):
        rows = jpeg & (table["channel"] == channel) & (table["snr_db"] >= 9)
        table = shifted(table, rows, by, "difference", "difference_low", "difference_high")
        table.loc[jpeg & (table["channel"] == channel) & (table["snr_db"] < 9), "other_accuracy"] = 0.2
    found = verdict("hu2022_fig6_degrades", {"accuracy_difference": table})
    assert found.verdict == expected
    assert found.value == pytest.approx(-max(rayleigh, rician))


def test_steps_that_do_not_fall_count_against_fig_5_where_there_is_something_to_lose(samples: Tables) -> None:
    table = samples["attack_sanity"]
    vit = (table["system"] == "vit") & (table["check"] == "monotone")

    def found(rows: pd.Series[bool], by: float) -> Finding:
        columns = ("difference", "difference_low", "difference_high")
        return verdict("hu2022_fig5_falls", samples | {"attack_sanity": shifted(table, rows, by, *columns)})

    assert found(vit, 0.0).verdict == HOLDS
    assert found(vit, -1.0).verdict == DIRECTION
    assert found(table["check"] == "monotone", -1.0).verdict == FAILS
    table = table.assign(weaker=table["weaker"].mask(vit, 0.95))
    assert found(vit, -1.0).verdict == HOLDS


def test_the_scheme_at_a_finer_grain_is_that_of_smaller_patches() -> None:
    systems = PARAMS.section("systems")
    fine = systems["mae_no_at"] | {"patch": 2}
    assert recognition_roles(systems | {"another": fine})["mae_fine"] == "another"
    assert "mae_fine" not in recognition_roles(systems | {"another": fine | {"patch": 4}})
