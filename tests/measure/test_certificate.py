from __future__ import annotations

from semrobust.config.params import load
from semrobust.measure.certificate import STEP
from tests.conftest import ROOT


def test_networks_that_are_not_main_are_certified_on_the_fewest_images_at_every_snr() -> None:
    params = load([ROOT / "params.yaml"])
    asked = {part.snr_db: part.images for part in params.certificates.at}
    assert len(set(asked.values())) > 1
    for name in params.networks():
        at = STEP.settings(params, name)["certificates"]["at"]
        found = {part["snr_db"]: part["images"] for part in at}
        main = name in params.evaluation.main.systems
        assert found == (asked if main else dict.fromkeys(asked, min(asked.values()))), name
