"""Params: what is accepted, how overlays merge, and that each mistake is named by key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.config.params import Params, load, merge, validate
from semrobust.config.settings import SHOWN
from semrobust.errors import ParamsError
from semrobust.pipeline import select
from tests.conftest import OTHER_NETWORKS, ROOT, SMALL, raw_params

REMOVED = object()
NAN, INF = float("nan"), float("inf")


def changed(path: str, value: Any) -> dict[str, Any]:
    """params.yaml with one value set, or the key taken out."""
    raw = raw_params()
    *sections, key = path.split(".")
    section = raw
    for name in sections:
        section = section.setdefault(name, {})
    if value is REMOVED:
        del section[key]
    else:
        section[key] = value
    return raw


def refused(raw: dict[str, Any]) -> ParamsError:
    with pytest.raises(ParamsError) as caught:
        validate(raw)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize("overlays", [[], *([path] for path in sorted((ROOT / "params").glob("*.yaml")))])
def test_every_preset_of_the_repository_is_valid(overlays: list[Path]) -> None:
    params = load([ROOT / "params.yaml", *overlays])
    assert params.run == (overlays[0].stem if overlays else "laptop")


def test_overlay_changes_only_its_keys(tmp_path: Path, params: Params) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("run: other\nsystems: {deepjscc: {training: {epochs: 3}}, jpeg_ldpc_qpsk: null}\n")
    other = load([ROOT / "params.yaml", overlay])
    expected = params.section()
    expected["run"] = "other"
    expected["systems"]["deepjscc"]["training"]["epochs"] = 3
    del expected["systems"]["jpeg_ldpc_qpsk"]
    assert other.section() == expected


def test_null_removes_a_system_and_an_attack() -> None:
    raw = merge(raw_params(), {"systems": {"deepjscc_noiseless": None}, "attacks": {"near_codeword": None}})
    params = validate(raw)
    assert "deepjscc_noiseless" not in params.systems
    assert "deepjscc" in params.systems
    assert "near_codeword" not in params.attacks


def test_later_overlays_win(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("seed: 1\nrun: first\n")
    second.write_text("seed: 2\n")
    params = load([ROOT / "params.yaml", first, second])
    assert (params.seed, params.run) == (2, "first")


# each row: what is wrong, the new value, and what the message must hold besides path and value
WRONG: list[tuple[str, Any, str]] = [
    ("plots", {"dpi": 3}, "unknown key"),
    ("link.snr", 3.0, "unknown key"),
    ("systems.deepjscc.training.epoch", 7, "unknown key"),
    ("systems.jpeg_ldpc_qpsk.code.weight", 3, "unknown key"),
    ("attacks.pga.alpha", 0.25, "unknown key"),
    ("seed", "many", "integer"),
    ("seed", -4, "greater than or equal to 0"),
    ("seed", True, "integer"),
    ("link.real_uses", 768.5, "integer"),
    ("link.snr_db", 10.0, "list"),
    ("systems.deepjscc.width", "16", "integer"),
    ("systems.deepjscc.label", "", "at least 1 character"),
    ("systems.deepjscc.training.epochs", 0, "greater than or equal to 1"),
    ("systems.deepjscc.training.warmup_share", 1.0, "less than 1"),
    ("systems.jpeg_ldpc_qpsk.modulation", "8psk", "16qam"),
    ("systems.jpeg_ldpc_qpsk.code.family", "turbo", "regular"),
    ("systems", [], "must be a section"),
    ("systems", {}, "at least one entry"),
    ("attacks", {}, "at least one entry"),
    ("data.source", "cifar100", "photos10"),
    ("link", 5, "dictionary"),
    ("link.snr_db", [], "at least 1 item"),
    ("link.snr_db", [0.0, 10.0, 5.0], "must rise strictly"),
    ("link.snr_db", [0.0, 10.0, 10.0], "must rise strictly"),
    ("link.snr_db", [0.0, INF], "finite"),
    ("link.snr_db", [400.0], "less than or equal to 100"),
    ("evaluation.gallery_psr_db", [-400.0], "greater than or equal to -100"),
    ("criteria.snr_db", [101.0], "less than or equal to 100"),
    ("criteria.broken", [1], "valid dictionary"),
    ("criteria.broken.below_10.below_clean_db", 4000.0, "less than or equal to 100"),
    ("recognition.at_snr_db", -400.0, "greater than or equal to -100"),
    ("systems.deepjscc.training.train_snr_db", 400.0, "less than or equal to 100"),
    ("systems.deepjscc.training.learning_rate", 1e60, "less than or equal to 1000000000000"),
    ("attacks.random.step_db", 1e-9, "more than 10000 steps"),
    ("compute.job_threads", 10**9, "less than or equal to 1024"),
    ("evaluation.batch", 2**70, "less than or equal to 1000000000"),
    ("evaluation.gallery_snr_db", NAN, "finite"),
    ("evaluation.gallery_snr_db", 9.5, "must be one of those that are attacked: [0.0, 4.0, "),
    ("evaluation.success_psnr_db", -INF, "finite"),
    ("link.real_uses", 769, "multiple of 2"),
    ("link.real_uses", 0, "greater than or equal to 2"),
    ("systems.jpeg_ldpc_qpsk.code.row_weight", 7, "must divide the 768 coded bits"),
    ("systems.jpeg_ldpc_qpsk.code.column_weight", 6, "must be below row_weight"),
    ("systems.jpeg_ldpc_qpsk.code.draw", -1, "greater than or equal to 0"),
    ("systems.jpeg_ldpc_qpsk.study", 3, "valid string"),
    ("systems.jpeg_ldpc_16qam_full.code.rate", 0.5, "valid string"),
    ("systems.jpeg_ldpc_16qam_full.code.rate", "half", "match pattern"),
    ("systems.jpeg_ldpc_16qam_full.code.rate", "1/49", "its rate must be from 1/5"),
    ("systems.jpeg_ldpc_16qam_full.code.rate", "2/2", "its rate must be from 1/5"),
    ("systems.jpeg_ldpc_qpsk.blocks", 5, "must split the 384 symbols of an image evenly"),
    ("systems.jpeg_ldpc_qpsk.blocks", 0, "greater than or equal to 1"),
    ("systems.jpeg_ldpc_qpsk.decoder.rule", "boxplus", "'sum-product', 'min-sum'"),
    ("systems.jpeg_ldpc_qpsk.decoder.iterations", 0, "greater than or equal to 1"),
    ("systems.jpeg_ldpc_qpsk.decoder.factor", 0.8, "unknown key"),
    ("systems.jpeg_ldpc_qpsk.attacks", ["pgd"], "must be of random, "),
    ("systems.jpeg_ldpc_qpsk.attacks", ["pga"], "cannot be run on kind 'jpeg_ldpc'"),
    ("systems.hevc_ldpc_qpsk.subsampling", "4:2:2", "4:2:0"),
    (
        "systems.deepjscc_noiseless.kind",
        "deepjssc",
        "must be one of chain_vit, csi_deepjscc, csi_topk_ldpc, deepjscc, ",
    ),
    ("systems.deepjscc_noiseless.kind", None, "must be one of chain_vit, csi_deepjscc, csi_topk_ldpc, deepjscc, "),
    ("attacks.pga.kind", "pgd", "pga, pulse_jamming, random_direction"),
    ("run", "../laptop", "lower case letters"),
    ("run", "Laptop", "lower case letters"),
    ("data.hub", ["https://example.org/train.parquet"], "two addresses of train and test"),
    ("data.mirrors", ["ftp://example.org"], "https?"),
    ("evaluation.bootstrap_samples", 10, "greater than or equal to 100"),
    ("plot.context", "poster", "paper"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), WRONG)
def test_one_mistake_is_one_problem_with_path_value_and_what_is_allowed(path: str, value: Any, allowed: str) -> None:
    error = refused(changed(path, value))
    (problem,) = error.problems
    assert problem in str(error)
    # an item of a list is named by its number, a rule across the keys of a section follows the section's path
    section, _, key = path.rpartition(".")
    assert problem.startswith(path) or (problem.startswith((f"{section}.", f"{section}:")) and key in problem)
    assert allowed in problem
    items = value if isinstance(value, list) and value else [value]
    assert any(repr(item).strip("'{}") in problem for item in items)


def test_a_rule_across_the_keys_of_an_attack_names_the_attack() -> None:
    (problem,) = refused(changed("attacks.random.stop_psr_db", -30.0)).problems
    assert "stop_psr_db must exceed start_psr_db = -20" in problem
    assert problem.startswith(("attacks.random:", "attacks.random.stop_psr_db: -30.0"))


def test_an_entry_that_is_no_section_is_shown() -> None:
    (problem,) = refused(changed("systems.deepjscc_noiseless", "yes")).problems
    assert problem.startswith("systems.deepjscc_noiseless: 'yes'")


@pytest.mark.parametrize(
    "path",
    ["seed", "run", "data.path", "link.snr_db", "systems.vit.training.epochs", "attacks.universal.step", "plot.dpi"],
)
def test_a_missing_key_is_named(path: str) -> None:
    (problem,) = refused(changed(path, REMOVED)).problems
    assert problem == f"{path}: missing, the key is required"


@pytest.mark.parametrize("section", ["systems", "attacks", "link", "plot"])
def test_a_missing_section_is_named(section: str) -> None:
    problems = refused(changed(section, REMOVED)).problems
    assert any(problem.startswith(f"{section}: ") for problem in problems)


def test_real_uses_must_be_whole_feature_maps() -> None:
    # some codes by edge growth are too long for that, and the other LDPC codes exist
    problems = [problem for problem in refused(changed("link.real_uses", 96)).problems if ".code." not in problem]
    learned = [name for name, system in validate(raw_params()).systems.items() if system.kind.startswith("deepjscc")]
    assert len(learned) > 2
    for name, problem in zip(learned, problems, strict=True):
        assert problem.startswith(f"systems.{name}.")
        assert "link.real_uses must be a multiple of 64, not 96" in problem


def test_an_attack_that_fits_no_system_is_refused() -> None:
    raw = raw_params()
    kinds = {name: entry.get("kind") or "" for name, entry in raw["systems"].items()}
    raw["systems"] = {name: entry for name, entry in raw["systems"].items() if "deepjscc" not in kinds[name]}
    problems = refused(raw).problems
    need_gradients = ("pga", "pga_refined", "carlini_wagner", "universal")  # minimum_norm runs on what names classes
    need_surrogates = ("transfer_pga", "transfer_minimum_norm")
    unused = {problem.split(":")[0]: problem for problem in problems}
    assert list(unused) == [f"attacks.{name}.kind" for name in (*need_gradients, *need_surrogates)]
    assert all("gradient" in unused[f"attacks.{name}.kind"] for name in need_gradients)


@pytest.mark.parametrize("name", ["Deep", "deep.jscc", "deep/jscc", "1st", "", 7, "a b", "../x", "x\n"])
def test_names_of_systems_must_be_file_names(name: Any) -> None:
    raw = raw_params()
    raw["systems"][name] = raw["systems"]["deepjscc"]
    (problem,) = refused(raw).problems
    assert problem.startswith(f"systems.{name}: the name must be")


FEW = {
    "evaluation": {"attack_images": 30, "main": {"images": 30}, "fading_images": 30},
    "recognition": {"images": 30},
    "criteria": {"images": 30},
    "certificates": {"at": [{"snr_db": 10.0, "images": 30}]},
}
LARGE = [
    ("evaluation.attack_images", 31, {"test_images": 30}, "must not exceed data.test_images = 30"),
    ("evaluation.main.images", 31, {"test_images": 30}, "must not exceed data.test_images = 30"),
    ("evaluation.fading_images", 31, {"test_images": 30}, "must not exceed data.test_images = 30"),
    ("recognition.images", 600, {}, "must not exceed the 540 of photos10 (data.test_images: null)"),
    ("criteria.images", 10_001, {"source": "cifar10"}, "must not exceed the 10000 of cifar10 (data.test_images: null)"),
    ("data.test_images", 541, {}, "must not exceed the 540 of photos10"),
    ("data.validation_images", 271, {}, "must not exceed the 270 of photos10"),
    ("data.validation_images", 50_000, {"source": "cifar10"}, "must be less than the 50000 to train on"),
    ("data.train_images", 45_001, {"source": "cifar10"}, "must not exceed the 45000 that cifar10 has for training"),
    ("systems.vit.training.images", 12_001, {}, "must not exceed the 12000 of photos10 (data.train_images: null)"),
    ("attacks.universal.images", 257, {"train_images": 256}, "must not exceed data.train_images = 256"),
]


@pytest.mark.parametrize(("path", "images", "data", "allowed"), LARGE)
def test_more_images_than_there_are_are_refused(path: str, images: int, data: dict[str, Any], allowed: str) -> None:
    source = {"source": "photos10", "validation_images": 20} if data.get("source") != "cifar10" else {}
    raw = merge(raw_params(), {**FEW, "data": source | data})
    section = raw
    *above, key = path.split(".")
    for name in above:
        section = section[name]
    section[key] = images
    assert refused(raw).problems == [f"{path}: {images}, {allowed}"]


def test_gallery_images_cannot_exceed_the_attacked_images() -> None:
    raw = merge(raw_params(), {"evaluation": {"attack_images": 1, "gallery_images": 2}})
    (problem,) = refused(raw).problems
    assert problem.startswith("evaluation.gallery_images: 2, must not exceed")


def test_a_system_that_no_attack_fits_is_refused() -> None:
    raw = raw_params()
    raw["attacks"] = {"pga": raw["attacks"]["pga"]}
    problems = refused(raw).problems
    assert any(problem.startswith("systems.hevc_ldpc_qpsk.kind") for problem in problems)


def test_all_problems_are_reported_together() -> None:
    raw = changed("systems.deepjscc.training.epochs", 0)
    raw["attacks"]["universal"]["step"] = "big"
    raw["attacks"]["random"]["kind"] = "luck"
    raw["plot"]["dpi"] = 7
    raw["extra"] = 1
    paths = [problem.split(":")[0] for problem in refused(raw).problems]
    assert sorted(paths) == [
        "attacks.random.kind",
        "attacks.universal.step",
        "extra",
        "plot.dpi",
        "systems.deepjscc.training.epochs",
    ]


def test_problems_across_keys_are_reported_together() -> None:
    raw = changed("link.snr_db", [10.0, 5.0])
    raw["systems"]["jpeg_ldpc_qpsk"]["code"] = {"row_weight": 7}
    raw["evaluation"]["gallery_snr_db"] = 6.0
    paths = [problem.split(":")[0] for problem in refused(raw).problems]
    assert paths == ["link.snr_db", "evaluation.gallery_snr_db", "systems.jpeg_ldpc_qpsk.code.row_weight"]


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = refused(changed("data.source", "x" * 5000)).problems
    assert len(problem) < 200


def test_source_of_the_params_stands_in_the_message(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("seed: none\n")
    with pytest.raises(ParamsError, match=r"params\.yaml \+ .*mine\.yaml"):
        load([ROOT / "params.yaml", overlay])


@pytest.mark.parametrize("path", ["evaluation.main.systems", "threats.systems"])
def test_a_list_may_name_what_an_overlay_takes_out_but_nothing_misspelt(tmp_path: Path, path: str) -> None:
    section, key = path.rsplit(".", 1)
    overlay = tmp_path / "mine.yaml"
    asked: dict[str, Any] = {key: ["deepjscc", "hevc_ldpc_qpsc", "hevc_ldpc_16qam"]}
    for name in reversed(section.split(".")):
        asked = {name: asked}
    overlay.write_text(yaml.safe_dump({"systems": {"hevc_ldpc_16qam": None}, **asked}))
    with pytest.raises(ParamsError) as caught:
        load([ROOT / "params.yaml", overlay])
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: 'hevc_ldpc_qpsc', ")
    assert "did you mean 'hevc_ldpc_qpsk'?" in problem


# what params offer


def test_pairs_respect_what_systems_can_do_and_ask_for(params: Params) -> None:
    pairs = params.pairs()
    assert len(pairs) == len(set(pairs))
    assert pairs == [
        (system, attack) for system in params.systems for attack in params.attacks if (system, attack) in pairs
    ]
    for name in params.showing():
        system = params.systems[name]
        can = {attack for attack in params.attacks if params.can_run(name, attack)}
        assert {attack for of, attack in pairs if of == name} == (
            can if system.attacks is None else set(system.attacks)
        )
    assert ("deepjscc", "pga") in pairs
    assert ("hevc_ldpc_qpsk", "all_bits") in pairs
    assert ("hevc_ldpc_qpsk", "pga") not in pairs
    assert not [pair for pair in pairs if pair[0].startswith("ladder_") or params.task(pair[0]) not in SHOWN]


def test_a_system_may_choose_its_attacks() -> None:
    chosen = {"deepjscc_noiseless": {"attacks": ["pga"]}, "hevc_ldpc_16qam": {"attacks": []}}
    params = validate(merge(raw_params(), {"systems": chosen}))
    assert [pair for pair in params.pairs() if pair[0] in chosen] == [("deepjscc_noiseless", "pga")]
    assert "hevc_ldpc_16qam" in params.systems
    assert "hevc_ldpc_16qam" not in params.attacked()


def test_every_attacked_system_is_a_main_one_or_in_one_study(params: Params) -> None:
    main, studies = params.attacked(), {study: params.studied(study) for study in params.studies()}
    assert main == ["deepjscc", "deepjscc_noiseless", *OTHER_NETWORKS, "hevc_ldpc_qpsk", "hevc_ldpc_16qam"]
    assert studies == {
        "source codec": ["jpeg_ldpc_qpsk", "jpeg_ldpc_16qam"],
        "code family": ["ablation_nr"],
        "rate": ["ablation_rate_1_3", "ablation_rate_2_3"],
        "block length": ["ablation_blocks_2", "ablation_blocks_4"],
        "decoder": ["ablation_min_sum", "ablation_iterations_10", "ablation_iterations_200"],
        "retry": ["ablation_retry", "ablation_retry_peg"],
        "16-QAM": ["ablation_16qam_peg_4_8", "ablation_16qam_peg_4_6"],
        "PEG (3,6) of rate 1/2": [f"peg_w3_6_{draw}" for draw in "abc"],
        "PEG (4,8) of rate 1/2": [f"peg_w4_8_{draw}" for draw in "abc"],
        "PEG (4,6) of rate 1/3": [f"peg_w4_6_{draw}" for draw in "abc"],
    }
    # the surrogate is attacked for the sake of another system
    assert set(params.left_out()) == {"deepjscc_surrogate"}
    assert params.length_attacks() == ["pga", "minimum_norm"]
    assert params.lengths() == {"deepjscc": 25, **{f"length_e{epochs}": epochs for epochs in (50, 100, 200)}}
    everyone = [*main, *list(params.lengths())[1:], *(name for names in studies.values() for name in names)]
    assert sorted(everyone) == sorted(params.compared())
    everyone.append("deepjscc_surrogate")
    assert sorted(everyone) == sorted(params.in_pairs("image"))
    assert params.studied("no such study") == []


def test_tasks_have_main_systems_and_studies_of_their_own(params: Params) -> None:
    main, studies = params.attacked("csi"), {study: params.studied(study, "csi") for study in params.studies("csi")}
    assert {params.forms()[name] for name in main} == {"magnitude"}
    assert studies == {
        "what is sent": ["csi_chain_complex_qpsk", "csi_chain_complex_16qam"],
        "failed decode": ["csi_ablation_mean"],
        "code family": ["csi_ablation_nr"],
        "rate": ["csi_ablation_rate_1_4", "csi_ablation_rate_3_4"],
    }
    assert {params.task(name) for name in params.compared("csi")} == {"csi"}
    assert not {*params.compared()} & {*params.compared("csi")}
    assert params.dataset("csi_chain_complex_qpsk") == "sionna"
    assert params.link_of("csi_chain_complex_qpsk").real_uses == 512
    assert params.link_of("deepjscc") == params.link


def test_a_criterion_of_images_is_none_of_channel_states() -> None:
    raw = raw_params()
    raw["csi"]["broken"]["nmse_3"] = {"label": "x", "psnr_db": 15.0}
    with pytest.raises(ParamsError, match=r"csi.*broken.nmse_3: needs nmse_db, nmse_shifted_db or below_clean_db"):
        validate(raw)


def test_a_study_without_an_attack_is_none() -> None:
    raw = raw_params()
    for name in ("jpeg_ldpc_qpsk", "jpeg_ldpc_16qam"):
        raw["systems"][name]["attacks"] = []
    assert "source codec" not in validate(raw).studies()


def test_each_code_is_analysed_once(params: Params) -> None:
    """Codec, study and decoder do not matter; length, weights, family and draw do."""
    assert params.coded("image") == [
        "hevc_ldpc_qpsk", "hevc_ldpc_16qam", "ablation_nr", "ablation_rate_1_3", "ablation_rate_2_3",
        "ablation_blocks_2", "ablation_blocks_4", "ablation_retry_peg", "ablation_16qam_peg_4_8",
        "ablation_16qam_peg_4_6", *(f"peg_w3_6_{draw}" for draw in "abc"), "peg_w4_8_b", "peg_w4_8_c",
        *(f"peg_w4_6_{draw}" for draw in "abc"),
    ]  # fmt: skip
    assert set(params.coded()) > {*params.coded("image"), "csi_chain_magnitude_qpsk", "csi_ablation_nr"}
    assert params.same_code("csi_chain_complex_qpsk") == "csi_chain_magnitude_16qam"  # 512 bits in both
    for system in params.attacked()[-2:]:
        assert params.same_code(system) == system
    for name, first in {
        "jpeg_ldpc_qpsk": "hevc_ldpc_qpsk",
        "jpeg_ldpc_16qam": "hevc_ldpc_16qam",
        "ablation_min_sum": "hevc_ldpc_qpsk",
        "ablation_iterations_10": "hevc_ldpc_qpsk",
        "ablation_blocks_4": "ablation_blocks_4",
        "ablation_retry": "hevc_ldpc_qpsk",
        "peg_w4_8_a": "ablation_retry_peg",
    }.items():
        assert params.same_code(name) == first
    drawn = validate(merge(raw_params(), {"systems": {"jpeg_ldpc_qpsk": {"code": {"draw": 1}}}}))
    assert drawn.same_code("jpeg_ldpc_qpsk") == "jpeg_ldpc_qpsk"
    fewer = validate(merge(raw_params(), {"systems": {"hevc_ldpc_qpsk": {"attacks": []}}}))
    assert fewer.same_code("ablation_min_sum") == "jpeg_ldpc_qpsk", "only attacked systems are analysed"


def test_each_decoder_is_searched_for_instantons_once(params: Params) -> None:
    """Codec, modulation and retry do not matter, but for the length; the rule and the iterations of the decoder do."""
    assert params.decoded() == [
        "hevc_ldpc_qpsk", "hevc_ldpc_16qam", "ablation_nr", "ablation_rate_1_3", "ablation_rate_2_3",
        "ablation_blocks_2", "ablation_blocks_4", "ablation_min_sum", "ablation_iterations_10",
        "ablation_iterations_200", "ablation_retry_peg", "ablation_16qam_peg_4_8", "ablation_16qam_peg_4_6",
        "peg_w3_6_a", "peg_w3_6_b", "peg_w3_6_c", "peg_w4_8_b", "peg_w4_8_c", "peg_w4_6_a", "peg_w4_6_b", "peg_w4_6_c",
        "csi_chain_magnitude_qpsk", "csi_chain_magnitude_16qam", "csi_chain_complex_16qam",
    ]  # fmt: skip
    joined = validate(merge(raw_params(), {"systems": {"jpeg_ldpc_qpsk": {"attacks": ["instantons"]}}}))
    assert joined.same_decoder("jpeg_ldpc_qpsk") == "hevc_ldpc_qpsk"


def test_the_default_schedule_of_a_decoder_stands_in_no_key(params: Params) -> None:
    assert params.section("systems", "hevc_ldpc_qpsk", "decoder") == {"rule": "sum-product", "iterations": 50}
    flooding = {"systems": {"hevc_ldpc_qpsk": {"decoder": {"schedule": "flooding"}}}}
    changed = validate(merge(raw_params(), flooding))
    assert changed.section("systems", "hevc_ldpc_qpsk", "decoder")["schedule"] == "flooding"
    assert changed.same_decoder("hevc_ldpc_16qam") == "hevc_ldpc_16qam"


def test_rungs_are_the_classical_chains_of_no_study(params: Params) -> None:
    rungs = params.rungs()
    assert set(rungs.values()) == {"hevc", "jpeg"}
    assert {"hevc_ldpc_qpsk", "jpeg_ldpc_16qam_full", "ladder_jpeg_qpsk_nr_1_2"} <= set(rungs)
    assert not {"deepjscc", "jpeg_ldpc_qpsk", "ablation_nr"} & set(rungs)


def test_trainings_that_differ_by_their_seed_stand_together() -> None:
    params = validate(raw_params())
    groups = params.trainings()
    several = {name: of for name, of in groups.items() if name.endswith("+")}
    assert set(groups) == {*params.by_criteria(), *several}
    assert several["trained_10db+"] == ["trained_10db", "trained_10db_seed_2", "trained_10db_seed_3"]
    assert {name: of[0] for name, of in several.items()} == {name: name[:-1] for name in several}


def test_the_overlay_of_seeds_trains_the_autoencoder_and_its_ablations_three_times_and_shorter(params: Params) -> None:
    seeds = load([ROOT / "params.yaml", ROOT / "params" / "seeds.yaml"])
    groups = seeds.alike(seeds.of_task("class"))
    trained = ("mae_vq", "mae_no_awp", "mae_no_mask", "mae_no_codebook")
    assert {name: len(of) for name, of in groups.items()} == {f"{name}+": 3 for name in trained} | {"mae_no_at": 1}
    for name in trained:
        own, main = (of.section("systems", name)["training"] for of in (seeds, params))
        assert own["epochs"] < main["epochs"]
        assert own | {"epochs": main["epochs"]} == main
    for name in ("mae_pretrained", "mae_no_at"):  # what they start from is that of the main run
        own, main = (select.system(of, name) for of in (seeds, params))
        assert own == main
    assert not {name for name in params.systems if "seed" in name and "mae" in name}


def test_an_attack_that_nobody_runs_is_refused() -> None:
    raw = raw_params()
    raw["systems"] = {"deepjscc": raw["systems"]["deepjscc"] | {"attacks": ["random", "pga"]}}
    unused = {problem.split(":")[0] for problem in refused(raw).problems}
    assert unused == {f"attacks.{name}.kind" for name in raw["attacks"]} - {
        "attacks.random.kind", "attacks.pga.kind",
        "attacks.turned_indices.kind",  # for receivers of indices, of which there is none
    }  # fmt: skip


def test_params_cannot_be_changed(params: Params) -> None:
    with pytest.raises(ValueError, match="frozen"):
        params.seed = 3


def test_a_section_is_a_copy(params: Params) -> None:
    params.section("link")["snr_db"].append(99.0)
    assert 99.0 not in params.link.snr_db


def test_small_params_differ_only_where_said(raw: dict[str, Any], small_params: Params) -> None:
    assert set(SMALL) <= set(raw)
    assert small_params.evaluation.success_psnr_db == raw["evaluation"]["success_psnr_db"]


def test_a_submission_is_tried_on_its_system_in_its_run_alone() -> None:
    """Also where the system lists its attacks: the submission names it."""
    entry = {"kind": "submitted", "label": "Smith", "run": "laptop", "sha256": "0" * 64}

    def with_it(system: str, run: str = "laptop") -> dict[str, Any]:
        return merge(raw_params(), {"run": run, "attacks": {"smith": entry | {"system": system}}})

    before = validate(raw_params()).pairs()
    pairs = validate(with_it("deepjscc_surrogate")).pairs()
    assert set(pairs) - set(before) == {("deepjscc_surrogate", "smith")}
    assert validate(with_it("deepjscc", run="other")).pairs() == before
    for wrong in ("nobody", "vit"):
        message = f"attacks.smith.system: '{wrong}', must be a system of this run that reconstructs images"
        assert message in str(refused(with_it(wrong)))
