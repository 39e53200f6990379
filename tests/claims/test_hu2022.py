"""Verdicts on hu2022: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, UNTESTED, Finding
from semrobust.config.roles import recognition_roles
from tests.claims.judging import Tables, accuracy, shifted, verdict
from tests.figures.samples import PARAMS


def test_every_role_of_both_papers_is_found() -> None:
    assert recognition_roles(PARAMS.section("systems")) == {
        "mae": "mae_vq", "mae_no_at": "mae_no_at", "jpeg": "jpeg_vit_full", "vit": "vit", "mae_coded": "mae_vq_coded",
        "chain": "hevc_vit", "no_weight_perturbation": "mae_no_awp", "no_mask": "mae_no_mask",
        "no_codebook": "mae_no_codebook",
    }  # fmt: skip


FAR = ("hu2022_fig4_vit", "hu2022_fig5_vit", "hu2022_fig5_no_at")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("hu2022_fig4_vit", "vit"), ("hu2022_at", "mae_no_at"), ("hu2022_awp", "mae_no_awp"),
        ("hu2022_mask", "mae_no_mask"), ("hu2022_codebook", "mae_no_codebook"), ("hu2022_fig5_vit", "vit"),
        ("hu2022_fig5_no_at", "mae_no_at"),
    ],
)  # fmt: skip
def test_accuracy_of_the_other_decides_what_mae_is_compared_with(samples: Tables, name: str, other: str) -> None:
    def found(mae: float, than: float) -> Finding:
        return verdict(name, accuracy(samples, {"mae_vq": mae, other: than}))

    clearly = found(0.5, 0.3)
    assert clearly.verdict == HOLDS
    assert clearly.value == pytest.approx(0.2)
    assert clearly.low == pytest.approx(0.2 - 0.02 * 2**0.5)
    assert found(0.5, 0.44).verdict == (DIRECTION if name in FAR else HOLDS)
    assert [found(0.5, than).verdict for than in (0.49, 0.5, 0.51)] == [INCONCLUSIVE] * 3
    assert found(0.5, 0.6).verdict == FAILS
    # who is worse than guessing is no better than another one who is
    assert found(0.05, 0.0).verdict == FAILS
    assert found(0.5, 0.0).value == pytest.approx(0.4)


def test_schemes_are_compared_where_one_of_them_is_better_than_guessing(samples: Tables) -> None:
    both = ("hu2022_fig4_conventional", "hu2022_fig6_conventional")

    def found(mae: float, jpeg: float) -> list[str]:
        return [verdict(name, accuracy(samples, {"mae_vq": mae, "jpeg_vit_full": jpeg})).verdict for name in both]

    assert found(0.5, 0.3) == [DIRECTION, HOLDS]  # the same gap at every SNR is not most at low ones
    assert found(0.5, 0.5) == [INCONCLUSIVE, INCONCLUSIVE]
    assert found(0.3, 0.5) == [FAILS, FAILS]
    assert found(0.09, 0.05) == [UNTESTED, UNTESTED]


def test_similar_over_channels_is_the_largest_spread(samples: Tables) -> None:
    same = accuracy(samples, {"mae_vq": 0.4})["accuracy"]
    mae = same["system"] == "mae_vq"
    ends = ["accuracy", "accuracy_low", "accuracy_high"]

    def found(spread: float, at_snr_db: float | None = None, width: float = 0.01) -> Finding:
        table = same.copy()
        table.loc[mae, ["accuracy_low", "accuracy_high"]] = 0.4 - width, 0.4 + width
        rows = mae & (table["channel"] == "rician")
        rows &= True if at_snr_db is None else table["snr_db"] == at_snr_db
        return verdict("hu2022_fig6_similar", samples | {"accuracy": shifted(table, rows, spread, *ends)})

    assert (found(0.0).verdict, found(0.0).value) == (HOLDS, 0.0)
    assert found(0.2, at_snr_db=12.0).verdict == DIRECTION
    assert found(0.05).verdict == INCONCLUSIVE
    assert found(0.2).verdict == FAILS
    assert found(0.0, width=0.1).verdict == INCONCLUSIVE  # intervals too wide to show that they are similar


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
