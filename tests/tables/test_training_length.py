"""Training lengths: the prediction interval is that of theory, and rows are what the samples say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from semrobust.config import params
from semrobust.tables.table import table as table_of
from semrobust.tables.training_length import predicted
from tests.conftest import raw_params
from tests.tables import fake
from tests.tables.test_every_table import IMAGES, SAMPLES


def test_a_line_without_noise_is_predicted_exactly() -> None:
    x = np.log([25.0, 50.0, 100.0, 200.0])
    assert predicted(x, 3.0 - 0.5 * x, np.log(1000.0)) == pytest.approx(3.0 - 0.5 * np.log(1000.0))


def test_the_interval_holds_one_more_training_as_often_as_it_says() -> None:
    """Of many sets of five trainings with normal errors, and one more each."""
    generator, x, at = np.random.default_rng(0), np.log([25.0, 50.0, 100.0, 200.0, 400.0]), np.log(1000.0)
    held = []
    for _ in range(2000):
        _, low, high = predicted(x, 1.0 + 2.0 * x + generator.normal(size=5), at)
        held.append(low <= 1.0 + 2.0 * at + generator.normal() <= high)
    low, high = stats.binom.interval(0.9999, len(held), 0.95)
    assert low <= sum(held) <= high


def test_all_trainings_are_judged_by_the_same_attacks_on_the_same_images(tmp_path: Path) -> None:
    """The shortest one is a main system, with more attacks and more attacked images."""
    few = {"evaluation": {"attack_images": IMAGES, "bootstrap_samples": 100}, "link": {"snr_db": [0.0, 10.0]}}
    of = params.validate(params.merge(raw_params(), few))
    first, *others = of.lengths()
    needs = list(table_of("training_length").needs(of))
    tried = [{name.partition(".")[2] for kind, name in needs if name.startswith(f"{one}.")} for one in of.lengths()]
    assert all(attacks == {"pga", "minimum_norm"} for attacks in tried)
    for kind, name in needs:
        fake.write(tmp_path, {f"{kind}/{name}": SAMPLES[kind](of, name)})
    before = fake.made(of, "training_length", tmp_path)
    rows = SAMPLES["attack"](of, f"{first}.minimum_norm")
    more = rows.assign(image=rows["image"] + IMAGES, power_total=rows["power_total"] / 1000)
    fake.write(tmp_path, {f"attack/{first}.minimum_norm": pd.concat([rows, more])})
    pd.testing.assert_frame_equal(fake.made(of, "training_length", tmp_path), before)
    assert others
