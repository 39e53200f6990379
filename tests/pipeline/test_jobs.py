"""Keys of jobs: each parameter makes exactly those results stale that depend on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semrobust.config.params import Params, merge, validate
from semrobust.config.registry import FIGURES
from semrobust.errors import UsageError
from semrobust.pipeline import jobs, outputs
from semrobust.pipeline.jobs import Job
from tests.conftest import raw_params

Group = set[str]


def every_job(params: Params) -> dict[str, Job]:
    """All jobs of a run by 'kind name'."""
    found = [jobs.dataset(params), jobs.gallery(params), outputs.metrics(params)]
    found += [jobs.model(params, system) for system in params.systems]
    found += [jobs.clean(params, system) for system in params.of_task("image")]
    found += [job(params, system) for job in (jobs.noise, jobs.accuracy) for system in params.of_task("class")]
    found += [jobs.fading(params, system) for system in params.attacked()]
    found += [jobs.attack(params, *pair) for pair in params.pairs()]
    found += [jobs.limits(params, system) for system in params.attacked()]
    found += [jobs.criteria(params, system) for system in params.by_criteria()]
    found += [jobs.structure(params, system) for system in params.coded()]
    found += [outputs.table(params, table) for table in outputs.TABLES]
    found += [outputs.figure(params, figure) for figure in FIGURES]
    return {f"{job.kind} {job.name}": job for job in found}


def keys(params: Params) -> dict[str, str]:
    return {name: job.key for name, job in every_job(params).items()}


@pytest.fixture(scope="module")
def before(params: Params) -> dict[str, str]:
    return keys(params)


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def changed(before: dict[str, str], overlay: dict[str, Any]) -> Group:
    """Names of the jobs that both runs have and whose keys differ."""
    after = keys(validate(merge(raw_params(), overlay)))
    return {name for name in before.keys() & after.keys() if before[name] != after[name]}


def group(before: dict[str, str], *patterns: str) -> Group:
    """Jobs by 'kind' or 'kind name', where a name 'x*' is a beginning and '*x' an ending."""
    found = set()
    for pattern in patterns:
        kind, _, name = pattern.partition(" ")
        for job in before:
            of, _, called = job.partition(" ")
            fits = {"*": called.endswith(name[1:]), "": True}.get(name[:1], called == name)
            if name.endswith("*"):
                fits = called.startswith(name[:-1])
            if of == kind and fits:
                found.add(job)
    return found


IMAGE_MODELS = tuple(
    f"model {name}*" for name in ("deepjscc", "trained", "hevc_ldpc", "jpeg_ldpc", "ladder", "ablation")
)
CLASS_MODELS = tuple(f"model {name}*" for name in ("vit", "mae", "jpeg_vit", "hevc_vit"))
CRITERIA_TABLES = tuple(f"table {table}" for table in outputs.CRITERIA_TABLES)
POWER_TABLES = tuple(f"table {table}" for table in (*outputs.IMAGE_TABLES, outputs.KNOWLEDGE, *outputs.LIMIT_TABLES))
IMAGE_TABLES = (*POWER_TABLES, *CRITERIA_TABLES)
LIMIT_TABLES = tuple(f"table {table}" for table in outputs.LIMIT_TABLES)
CRITERIA_FIGURES = tuple(
    f"figure {name}" for name in FIGURES if set(FIGURES[name].tables) & set(outputs.CRITERIA_TABLES)
)
CRITERIA = (
    *CRITERIA_TABLES,
    *CRITERIA_FIGURES,
)  # they compare whole settings: which systems differ by their seed alone
CLASS_TABLES = tuple(f"table {table}" for table in outputs.RECOGNITION_TABLES)

CLASS_FIGURES = tuple(
    f"figure {name}" for name in FIGURES if set(FIGURES[name].tables) & set(outputs.RECOGNITION_TABLES)
)
IMAGE_FIGURES = tuple(f"figure {name}" for name in FIGURES if f"figure {name}" not in CLASS_FIGURES)

DEEPJSCC = (
    "model deepjscc", "clean deepjscc", "fading deepjscc", "attack deepjscc.*", "limits deepjscc", "criteria deepjscc"
)  # fmt: skip

DEPENDENTS: list[tuple[str, Any, tuple[str, ...]]] = [
    ("plot.palette", "deep", ("figure",)),
    ("plot.dpi", 300, ("figure",)),
    ("plot.context", "talk", ("figure",)),
    (
        "systems.deepjscc.training.epochs",
        7,
        (*DEEPJSCC, "gallery", *CRITERIA),
    ),
    (
        "systems.deepjscc.training.train_snr_db",
        None,  # now it stands for training without noise
        (*DEEPJSCC, "gallery", *CRITERIA, "table paper_vs_ours"),
    ),
    (
        "systems.jpeg_ldpc_qpsk.code.column_weight",
        2,
        # now it is another code than that of hevc_ldpc_qpsk
        ("model jpeg_ldpc_qpsk", "clean jpeg_ldpc_qpsk", "attack jpeg_ldpc_qpsk.*", "table code_structure"),
    ),
    (
        "systems.hevc_ldpc_16qam.code.column_weight",
        2,
        # figures tell chains of no study apart by their codes; jpeg_ldpc_16qam keeps its own
        (
            "model hevc_ldpc_16qam",
            "clean hevc_ldpc_16qam",
            "fading hevc_ldpc_16qam",
            "attack hevc_ldpc_16qam.*",
            "structure hevc_ldpc_16qam",
            "limits hevc_ldpc_16qam",
            "criteria hevc_ldpc_16qam",
            *CRITERIA_TABLES,
            "gallery",
            *IMAGE_FIGURES,
            "table code_structure",
        ),
    ),
    ("systems.ladder.decoder.iterations", 7, ("model ladder_*", "clean ladder_*")),
    (
        "systems.deepjscc.attacks",
        ["random", "pga", "transfer_pga", "transfer_minimum_norm"],
        (
            "limits deepjscc",
            "gallery",
            "table attack_power",
            "table power_ratio",
            "table attacker_knowledge",
            *LIMIT_TABLES,
        ),
    ),
    ("evaluation.bootstrap_samples", 500, (*IMAGE_TABLES, *CLASS_TABLES)),
    ("evaluation.attack_images", 70, ("attack", "limits")),
    ("evaluation.batch", 50, ("clean", "fading", "attack", "criteria")),
    ("criteria.images", 30, ("criteria",)),
    ("criteria.snr_db", [10.0], ("criteria", *CRITERIA_TABLES)),
    ("criteria.ruined.psnr_18.psnr_db", 17.0, ("criteria", *CRITERIA, "table paper_vs_ours")),
    ("criteria.ruined.psnr_18.label", "other", CRITERIA_FIGURES),
    (
        "criteria.attacks.minimum_norm.starts",
        1,
        ("criteria deepjscc*", "criteria trained*"),
    ),
    ("criteria.attacks.bp_gradient.rounds", 1, ("criteria hevc*",)),
    ("evaluation.gallery_images", 3, ("gallery",)),
    ("evaluation.gallery_psr_db", [0.0], ("gallery",)),
    ("evaluation.success_psnr_db", 16.0, ("attack", "gallery", *POWER_TABLES, *IMAGE_FIGURES)),
    ("data.path", "/somewhere", ()),
    ("data.mirrors", [], ()),
    ("data.hub", [], ()),
    ("data.train_images", 1000, ("dataset",)),
    ("data.source", "photos10", ("table",)),
    ("attacks.pga.step", 0.2, ("attack *.pga", "gallery")),
    ("attacks.least_reliable_bits.margins", [1.0], ("attack *.least_reliable_bits", "gallery")),
    ("link.snr_db", [0.0, 10.0], ("clean", "fading", "attack", "limits", "gallery", "metrics")),
    (
        "link.real_uses",
        384,
        (*IMAGE_MODELS, "clean", "fading", "attack", "structure", "limits", "criteria", "gallery", *IMAGE_TABLES),
    ),
    ("theory.probes", 8, ("limits", "criteria")),
    (
        "structure.trapping_size",
        5,
        (
            "structure",
            "attack *.vulnerable_set",
            "attack *.near_codeword",
            "attack *.bp_gradient",
            "limits hevc*",
            "criteria hevc*",
        ),
    ),
    ("compute.train_threads", 1, IMAGE_MODELS),
    ("compute.recognition_threads", 2, CLASS_MODELS),
    ("channels.rician.k_factor_db", 3.0, ("accuracy", "fading")),
    (
        "channels.awgn.equalizer",  # the channel in training, and of noise that is made through it
        "zf",
        ("model mae_vq", "model mae_no*", "noise mae_vq", "noise mae_no_at", "accuracy", "fading"),
    ),
    ("channels.rician.label", "other", (*CLASS_FIGURES, "figure extra_fading")),
    ("recognition.images", 500, ("noise", "accuracy", "fading", *CLASS_TABLES, *CLASS_FIGURES)),
    ("recognition.snr_db", [0.0], ("accuracy", *CLASS_TABLES, *CLASS_FIGURES)),
    (
        "recognition.noise.iterated_l2.iterations",
        20,
        ("noise vit", "noise mae_vq", "noise mae_no_at", *CLASS_TABLES),
    ),
    ("recognition.noise.iterated.label", "other", CLASS_FIGURES),
    ("systems.vit.label", "other", CLASS_FIGURES),
    ("systems.vit.training.epochs", 7, ("model vit", "noise vit", "accuracy vit", *CLASS_FIGURES)),
    ("systems.mae_pretrained.commitment", 0.25, ("model mae_pretrained",)),
    ("systems.vit_at.attacks", ["iterated"], ("noise vit_at", "accuracy vit_at")),
    ("systems.vit_at.attacks", ["single"], ("noise vit_at", "accuracy")),  # its noise is tried on no other any more
    ("run", "other", ("table",)),
    (
        "seed",
        1,
        (
            "dataset",
            "model",
            "clean",
            "fading",
            "attack",
            "structure",
            "limits",
            "criteria",
            "gallery",
            "noise",
            "accuracy",
            "table",
            "metrics",
        ),
    ),
]


@pytest.mark.parametrize(("path", "value", "stale"), DEPENDENTS, ids=[row[0] for row in DEPENDENTS])
def test_a_parameter_changes_the_keys_of_its_jobs_alone(
    before: dict[str, str], path: str, value: Any, stale: tuple[str, ...]
) -> None:
    expected = group(before, *stale)
    assert all(group(before, pattern) for pattern in stale)
    assert changed(before, nested(path, value)) == expected


def test_the_label_of_a_system_trains_and_attacks_nothing_again(before: dict[str, str]) -> None:
    stale = changed(before, nested("systems.deepjscc.label", "other"))
    assert group(before, *IMAGE_FIGURES) <= stale
    assert not stale & group(before, "dataset", "model", "clean", "attack", "table")


def test_the_label_of_a_system_concerns_figures_only(before: dict[str, str]) -> None:
    assert changed(before, nested("systems.deepjscc.label", "other")) == group(before, *IMAGE_FIGURES)


def test_the_label_of_an_attack_concerns_figures_only(before: dict[str, str]) -> None:
    assert changed(before, nested("attacks.pga.label", "other")) == group(before, *IMAGE_FIGURES)


def test_threads_count_wherever_they_are_set(before: dict[str, str]) -> None:
    assert changed(before, nested("compute.job_threads", 2)) == group(
        before, "clean", "fading", "attack", "limits", "criteria", "gallery", "noise", "accuracy"
    )


def test_a_table_depends_on_which_attacks_it_is_over(before: dict[str, str]) -> None:
    stale = changed(before, nested("attacks.near_codeword", None))
    assert {"table attack_power", "table power_ratio"} <= stale
    assert "table clean" not in stale


def test_the_order_of_systems_is_part_of_tables_and_figures(before: dict[str, str]) -> None:
    raw = raw_params()
    raw["systems"] = dict(reversed(raw["systems"].items()))
    after = keys(validate(raw))
    stale = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    assert group(before, "table", "figure") <= stale
    assert not stale & group(before, "model", "clean", "attack", "structure", "dataset")


def test_another_system_changes_only_what_shows_all_systems(before: dict[str, str]) -> None:
    raw = raw_params()
    raw["systems"]["second"] = raw["systems"]["deepjscc"]
    after = keys(validate(raw))
    expected = group(before, "gallery", "table", "metrics", *IMAGE_FIGURES)
    expected -= group(before, "table code_structure", "table link_adaptation", *CLASS_TABLES)  # it has no code
    assert {name for name in before if before[name] != after[name]} == expected
    # its training is named by the system, so it is another training with other random numbers
    assert after["model second"] != after["model deepjscc"]


@pytest.mark.parametrize("overlay", [{"study": None}, {"study": "another"}, {"study": None, "attacks": ["all_bits"]}])
def test_the_study_of_a_system_says_only_where_it_is_shown(before: dict[str, str], overlay: dict[str, Any]) -> None:
    stale = changed(before, {"systems": {"jpeg_ldpc_qpsk": overlay}})
    assert group(before, *IMAGE_FIGURES) <= stale
    assert not stale & group(before, "dataset", "model", "clean", "attack", "structure")
    assert ("table power_ratio" in stale) == ("gallery gallery" in stale) == (overlay["study"] is None)


def test_main_systems_alone_are_in_comparisons(params: Params) -> None:
    assert params.studies()
    studied = {name for study in params.studies() for name in params.studied(study)}
    for job in (outputs.table(params, "power_ratio"), jobs.gallery(params)):
        assert list(job.settings["systems"]) == params.attacked()
    labels = outputs.figure(params, "zhang2026_fig4_clean").settings["labels"]
    assert not studied & set(labels["systems"])
    assert {study: list(shown) for study, shown in labels["studies"].items()} == {
        study: params.studied(study) for study in params.studies()
    }


def test_systems_with_one_code_share_its_structure(params: Params) -> None:
    """The attack on either depends on the same analysis, and no other job makes it."""
    jpeg, hevc = (jobs.attack(params, f"{source}_ldpc_qpsk", "vulnerable_set").settings for source in ("jpeg", "hevc"))
    assert jpeg["structure"] == hevc["structure"] == jobs.structure(params, "hevc_ldpc_qpsk").settings
    with pytest.raises(UsageError, match="'jpeg_ldpc_qpsk' is not the first attacked one with its code"):
        jobs.structure(params, "jpeg_ldpc_qpsk")
    blocks = jobs.attack(params, "ablation_blocks_2", "vulnerable_set").settings["structure"]
    assert blocks["code"] == hevc["structure"]["code"] | {"n": 384}
    assert "structure" not in jobs.attack(params, "hevc_ldpc_qpsk", "all_bits").settings


def test_no_two_jobs_share_a_key(before: dict[str, str]) -> None:
    assert len(set(before.values())) == len(before)


def test_keys_do_not_depend_on_the_order_of_keys_in_a_section(before: dict[str, str]) -> None:
    raw = raw_params()
    raw["systems"]["deepjscc"] = dict(reversed(raw["systems"]["deepjscc"].items()))
    raw["link"] = dict(reversed(raw["link"].items()))
    assert keys(validate(raw)) == before


def test_settings_survive_json(params: Params) -> None:
    """Else a record would differ from the job that wrote it."""
    for job in every_job(params).values():
        assert json.loads(json.dumps(job.settings)) == job.settings


def test_code_is_part_of_the_key(params: Params, before: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        jobs, "code_digest", lambda modules: "new" if "semrobust.attacks.on_air.pga" in modules else "old"
    )
    first = keys(params)
    monkeypatch.setattr(jobs, "code_digest", lambda modules: "old")
    second = keys(params)
    expected = group(before, "attack *.pga", "attack *.pga_refined", "gallery")
    assert {name for name in before if first[name] != second[name]} == expected


def test_no_job_is_left_out_of_the_pairs(params: Params, before: dict[str, str]) -> None:
    assert group(before, "attack") == {f"attack {system}.{attack}" for system, attack in params.pairs()}


def test_unknown_names_are_refused_with_the_known_ones(params: Params) -> None:
    with pytest.raises(
        UsageError, match=r"unknown system 'bpg'; params have: deepjscc, .*jpeg_ldpc_16qam_full"
    ) as caught:
        jobs.model(params, "bpg")
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="unknown system 'bpg'"):
        jobs.clean(params, "bpg")
    with pytest.raises(UsageError, match="unknown system 'bpg'"):
        jobs.attack(params, "bpg", "pga")
    with pytest.raises(UsageError, match=r"unknown attack 'pgd'; params have: random, .*pga_refined"):
        jobs.attack(params, "deepjscc", "pgd")
    with pytest.raises(UsageError, match="unknown table 'dirty'; known: clean, link_adaptation, attack_power, power"):
        outputs.table(params, "dirty")
    with pytest.raises(
        UsageError, match="unknown figure 'fig99'; known: extra_attack_sanity, extra_attacker_knowledge, "
    ):
        outputs.figure(params, "fig99")


def test_a_system_of_another_task_is_refused(params: Params) -> None:
    with pytest.raises(UsageError, match=r"'vit' is a system of task 'class', not 'image'; params have: deepjscc, "):
        jobs.clean(params, "vit")
    for job in (jobs.noise, jobs.accuracy):
        with pytest.raises(UsageError, match="'deepjscc' is a system of task 'image', not 'class'; params have: vit, "):
            job(params, "deepjscc")
        with pytest.raises(UsageError, match="'mae_pretrained' is a system of task 'pretraining'"):
            job(params, "mae_pretrained")
        with pytest.raises(UsageError, match="unknown system 'bpg'"):
            job(params, "bpg")


def test_an_attack_that_does_not_fit_is_refused(params: Params) -> None:
    with pytest.raises(UsageError, match="'pga' cannot be run on 'jpeg_ldpc_qpsk'"):
        jobs.attack(params, "jpeg_ldpc_qpsk", "pga")
