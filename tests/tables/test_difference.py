"""Two runs' tables are compared by what rows are of, and by intervals that do not meet."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.tables.difference import difference


def clean(*rows: tuple[str, float, float], run: str = "a") -> pd.DataFrame:
    """Rows (system, SNR, PSNR ± 1 dB)."""
    return pd.DataFrame(
        [
            {
                "run": run, "dataset": "photos10", "system": system, "channel": "awgn", "snr_db": snr, "seed": 1,
                "n_images": 9, "stream": "none", "status": "ok", "psnr_db": value, "psnr_db_low": value - 1,
                "psnr_db_high": value + 1, "ssim": 0.5, "interval": "bootstrap",
            }
            for system, snr, value in rows
        ]
    )  # fmt: skip


def test_equal_tables_of_two_runs_do_not_differ() -> None:
    rows = (("net", 0, 20.0), ("net", 10, 25.0))
    found = difference("clean", clean(*rows), clean(*rows, run="b"))
    assert (found.value, found.both, found.first, found.second, found.apart) == ("psnr_db", 2, 0, 0, [])


def test_rows_are_matched_whatever_their_order_and_the_furthest_comes_first() -> None:
    first = clean(("net", 0, 20.0), ("net", 10, 25.0), ("chain", 0, 10.0))
    second = clean(("chain", 10, 30.0), ("net", 10, 20.0), ("net", 0, 10.0), run="b")
    found = difference("clean", first, second)
    assert (found.both, found.first, found.second) == (2, 1, 1)
    assert found.apart == [
        "net, snr_db 0: 20 [19, 21] -> 10 [9, 11]",
        "net, snr_db 10: 25 [24, 26] -> 20 [19, 21]",
    ]


@pytest.mark.parametrize(("shift", "apart"), [(1.9, 0), (2.1, 1)])
def test_intervals_that_meet_do_not_count(shift: float, apart: int) -> None:
    found = difference("clean", clean(("net", 0, 20.0)), clean(("net", 0, 20.0 + shift), run="b"))
    assert len(found.apart) == apart
