"""What holds for every table: the output contract, settings that are all read, and cheap imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.config import params
from semrobust.config.params import Params
from semrobust.errors import ResultError
from semrobust.tables import step
from semrobust.tables.paper_vs_ours import JUDGED
from semrobust.tables.table import names
from semrobust.tables.table import table as table_of
from tests.attacks.structure.samples import nr, settings
from tests.conftest import OTHER_NETWORKS, raw_params
from tests.tables import fake, test_adaptive, test_recognition_tables, test_tables
from tests.tables.test_tables import Project

IMAGES = 4
OF_ALL = {"run", "dataset", "seed", "bootstrap_samples", "caption"}
"""Settings of every table, whether its rows have intervals or not."""
RUNS_NETWORKS = {"bounds", "code_structure"}
"""Tables whose numbers need code of theory or of attacks, and with it torch."""
REQUIRED = {  # the output contract, beside what `test_tables` and `test_recognition_tables` ask for
    "frontier": "side psnr_db power_total_median attack certified_power paper_power on_front front_rate",
    "fading": "status psnr_db psnr_db_low psnr_db_high decode_failure_rate",
    "code_structure": "family n k girth distance pseudo_weight pseudo_weight_proved kind a b weight count complete",
    "lipschitz": "certified spectral_mean spectral_low spectral_high frobenius_mean path_mean converged_rate",
    "bounds": "quantity role power_total_mean power_total_low power_total_high n_beaten tightness_median",
    "criteria": "criterion n_seeds success_rate power_total_mean power_total_low power_total_high clean_psnr_db_mean",
    "criteria_ratio": "semantic_system classical_system criterion n_seeds n_censored ratio ratio_low ratio_high",
    "attacker_knowledge": "semantic_system classical_system knowledge semantic_power classical_power ratio",
    "csi_clean": "side form real_uses nmse_db nmse_db_low nmse_db_high nmse_shifted_db cosine over_linear_db",
    "csi_attack_power": "criterion form real_uses attack success_rate power_total_median over_best",
    "csi_power_ratio": "criterion form semantic_system classical_system population statistic ratio",
    "adaptive": "attack family semantic_noise_eps accuracy accuracy_low accuracy_high taken taken_alone flags",
    "paper_vs_ours": "paper claim place text stated measure value value_low value_high verdict rule files",
    "attack_spread": "attack n_draws power_total_median power_total_median_low power_total_median_high spread",
    "training_length": "epochs psnr_db power_total power_total_low power_total_high pga_power spectral frobenius",
    "attack_layers": "epochs layer layer_kind attack_change random_change over_random over_random_low",
    "threats": "measure task attack semantic_system classical_system population n_censored size_median ratio",
}
OVERLAY: dict[str, Any] = {
    "link": {"snr_db": [0.0, 10.0]},
    "criteria": {"snr_db": [10.0]},
    # dozens of systems that only repeat what others do
    "systems": dict.fromkeys(("ladder", "ablation", "peg", "csi_ablation", *OTHER_NETWORKS)),
    "evaluation": {"bootstrap_samples": 100},
}


def at_all_snrs(of: Params, **columns: Any) -> pd.DataFrame:
    parts = [pd.DataFrame({"image": range(IMAGES), "snr_db": snr_db, **columns}) for snr_db in of.link.snr_db]
    return pd.concat(parts, ignore_index=True)


def states(of: Params, **columns: Any) -> pd.DataFrame:
    nmse = [0.1, 0.2, 0.1, 0.2]
    return at_all_snrs(of, nmse=nmse, nmse_db=-8.0, nmse_shifted=0.001, cosine=0.9, **columns)


def anchor(of: Params, _: str) -> pd.DataFrame:
    return pd.concat([states(of, anchor=name) for name in ("top_32", "karhunen_loeve")])


def clean(of: Params, name: str) -> pd.DataFrame:
    if of.task(name) == "csi":
        return states(of, infeasible=False, failed=0.0, block_error=[0.0, 0.0, 0.0, 1.0] if "chain" in name else np.nan)
    psnr = [20.0, 21.0, 22.0, 23.0]
    return at_all_snrs(of, infeasible=False, psnr_db=psnr, ssim=0.5, failed=0.0, block_error=0.0)


def fading(of: Params, name: str) -> pd.DataFrame:
    return pd.concat([clean(of, name).assign(channel=channel) for channel in of.channels])


def attack(of: Params, name: str) -> pd.DataFrame:
    found = at_all_snrs(
        of, success=True, power_total=[10.0, 20.0, 30.0, 40.0], psnr_db=15.0, clean_psnr_db=20.0, breakable=True,
        infeasible=False, steps=1, vanished=0.0,
    )  # fmt: skip
    if of.task(name.partition(".")[0]) == "csi":
        return pd.concat([found.assign(criterion=rule) for rule in of.csi.broken])
    return found


def criteria(of: Params, name: str) -> pd.DataFrame:
    table = attack(of, name).assign(spectral=2.0, frobenius_squared=9.0)
    return pd.concat(
        [table.assign(criterion=rule, attack=tried) for rule in of.criteria.broken for tried in ("a", "b")]
    )


def theory(of: Params, _: str) -> pd.DataFrame:
    return at_all_snrs(
        of, clean_mse=0.001, certified=1e3, spectral=0.1, converged=1.0, frobenius_squared=0.09, path=1e3,
        codeword_power=5.0, stopping_power=5.0,
    )  # fmt: skip


def certificate(of: Params, _: str) -> pd.DataFrame:
    """Of the first two images at the first SNR."""
    return pd.DataFrame(
        {"image": [0, 1], "snr_db": of.link.snr_db[0], "certified_power": [0.5, 1.0], "smoothed_power": [12.0, 10.0]}
    )


def pseudo_weight(*_: Any) -> pd.DataFrame:
    return pd.DataFrame([{"distance": 12.0, "pseudo_weight": 11.0, "pseudo_weight_proved": 6.0, "programs": 4}])


def least_noise(of: Params, name: str) -> pd.DataFrame:
    rows = {"success": True, "level": [1.0, 2.0, 3.0, 4.0], "vanished": 0.0, "image": range(4)}
    return pd.concat(
        [pd.DataFrame(rows).assign(noise=noise, norm=of.threats.noise[noise].norm) for noise in of.least_noise(name)]
    )


def spread(of: Params, name: str) -> pd.DataFrame:
    return pd.concat([attack(of, name).assign(draw=draw) for draw in (0, 1)])


def layers(of: Params, _: str) -> pd.DataFrame:
    slopes = {"spectral": 2.0, "frobenius_squared": 9.0, "converged": 1.0}
    reached = {"attack": [0.1, 0.2, 0.3, 0.4], "random": 0.1, "layer_kind": "Conv2d"}
    return pd.concat([at_all_snrs(of, layer=layer, **slopes, **reached) for layer in (0, 1)])


SAMPLES: dict[str, Callable[[Params, str], pd.DataFrame]] = {
    "clean": clean, "anchor": anchor, "fading": fading, "attack": attack, "criteria": criteria, "theory": theory,
    "recovery": lambda *_: pd.DataFrame({"recovered": [True]}),
    "layers": layers, "spread": spread, "certificate": certificate, "pseudo_weight": pseudo_weight,
    "accuracy": lambda _, system: test_recognition_tables.basic(system),
    "least_noise": least_noise,
    "adaptive": lambda *_: test_adaptive.tried([3], images=test_recognition_tables.IMAGES),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All inputs of all tables of the repository's params, with few images and SNRs."""
    folder = tmp_path_factory.mktemp("project")
    of = params.validate(params.merge(params.merge(raw_params(), test_recognition_tables.OVERLAY), OVERLAY))
    needs = dict.fromkeys(need for name in names() for need in table_of(name).needs(of))
    (folder / "structure").mkdir()
    structure = analyse(nr(), settings(), 0)
    for kind, name in needs:
        if kind in SAMPLES:
            fake.write(folder, {f"{kind}/{name}": SAMPLES[kind](of, name)})
        elif kind == "structure":
            stored.save(structure, folder / "structure" / f"{name}.safetensors")
    for name in JUDGED:
        fake.write(folder, {f"table/{name}": fake.made(of, name, folder)})
    return Project(of, folder)


@pytest.mark.parametrize("name", names())
def test_a_table_has_its_columns_and_reads_all_of_its_settings(project: Project, name: str) -> None:
    """A setting that nothing reads would make a table again for nothing."""
    work = fake.FakeWork(project.params, name, project.folder)
    step.make(work)
    assert set(work.settings) - work.recorded.read <= OF_ALL
    table = pd.read_csv(work.file)
    assert len(table)
    assert not set(REQUIRED.get(name, "").split()) - set(table.columns)
    assert (table["run"] == project.params.run).all()
    assert (table["seed"] == project.params.seed).all()


def test_every_table_has_an_output_contract() -> None:
    assert {*REQUIRED, *test_tables.REQUIRED, *test_recognition_tables.REQUIRED} == set(names())


def test_criteria_are_means_over_trainings(project: Project) -> None:
    table = fake.made(project.params, "criteria", project.folder)
    several = table["system"].str.endswith("+")
    assert (table["n_seeds"] > 1).equals(several)
    assert several.any()
    assert np.allclose(table["power_total_mean"], 25.0)
    assert np.allclose(table["frobenius_mean"], 3.0)


def test_what_loses_no_blocks_works(project: Project) -> None:
    """Baselines lose a quarter of theirs in these samples, more than may be lost; networks and anchors send none."""
    table = fake.made(project.params, "csi_clean", project.folder)
    assert table.groupby("side")["works"].agg(["min", "max"]).to_dict("index") == {
        "anchor": {"min": True, "max": True},
        "classical": {"min": False, "max": False},
        "semantic": {"min": True, "max": True},
    }


def test_certificates_stand_beside_the_attacks_on_the_images_that_they_know(project: Project) -> None:
    table = fake.made(project.params, "bounds", project.folder)
    rows = table[table["quantity"].isin(["image", "smoothed"])].set_index(["system", "quantity"])
    assert set(rows.index.get_level_values("system")) == set(project.params.networks())
    first = rows.loc["deepjscc"]
    assert (first["n_images"] == 2).all()
    assert (first["snr_db"] == project.params.link.snr_db[0]).all()
    assert first.loc["image", "power_total_mean"] == pytest.approx(0.75)
    assert first.loc["image", "tightness_median"] == pytest.approx(20.0)  # of 10/0.5 and 20/1
    assert first.loc["smoothed", "n_beaten"] == 1  # who knows the noise may need less


def test_an_attack_below_a_certificate_fails_the_table(project: Project) -> None:
    """Of two images one is attacked with 10, and a certificate says that 10.1 cannot break it."""
    system = project.params.networks()[0]
    wrong = certificate(project.params, system).assign(certified_power=[10.1, 1.0])
    fake.write(project.folder, {f"certificate/{system}": wrong})
    try:
        with pytest.raises(ResultError, match=rf"{system} at 0 dB: 1 of 2 images below 'image'"):
            fake.made(project.params, "bounds", project.folder)
    finally:
        fake.write(project.folder, {f"certificate/{system}": certificate(project.params, system)})


def test_a_job_of_a_table_imports_torch_only_if_it_must() -> None:
    """Importing it takes seconds, and a table a fraction of one."""
    light = sorted({*names(), "metrics"} - RUNS_NETWORKS)
    code = f"""
import importlib, sys
import semrobust.tables.step
for name in {light}:
    importlib.import_module(f"semrobust.tables.{{name}}")
    assert "torch" not in sys.modules, name
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_inputs_that_a_table_does_not_declare_are_refused(project: Project, tmp_path: Path) -> None:
    work = fake.FakeWork(project.params, "clean", tmp_path)
    with pytest.raises(LookupError, match="does not declare"):
        work.input("attack", "x")
    with pytest.raises(LookupError, match="does not declare"):
        work.settings["threads"]
