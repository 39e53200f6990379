"""Tables of recognition from per-image results small enough to compute by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from semrobust.config.params import Params, merge, validate
from semrobust.tables.attack_sanity import checks
from semrobust.tables.paired import OVER_IMAGES
from semrobust.tables.statistics import Bootstrap, interval
from tests.conftest import HU2022, raw_params
from tests.tables import fake
from tests.tables.test_tables import ALWAYS, Project, only

IMAGES, SAMPLES = 40, 200
AT_SNR_DB = 12.0
REQUIRED = {  # the output contract
    "accuracy": "attack semantic_noise_eps norm accuracy accuracy_low accuracy_high",
    "accuracy_difference": "other_system attack accuracy other_accuracy difference difference_low mcnemar_p",
    "overhead": "reference bits_per_image symbols_per_image ratio ratio_low ratio_high",
    "index_flips": "attack semantic_noise_eps flip_rate flip_low flip_high",
    "attack_sanity": "check difference difference_low difference_high verdict description",
}
SYMBOLS = {
    "mae_vq": np.full(IMAGES, 72.0),
    "mae_vq_coded": np.full(IMAGES, 144.0),
    "mae_no_at": np.full(IMAGES, 72.0),
    "mae_no_codebook": np.full(IMAGES, 72.0),
    "jpeg_vit_full": 384.0 * (10 + np.arange(IMAGES) % 3),
    "jpeg_vit_payload": 384.0 * (2 + np.arange(IMAGES) % 4),
}
BITS = {
    "mae_vq": np.full(IMAGES, 288.0),
    "mae_vq_coded": np.full(IMAGES, 288.0),
    "mae_no_at": np.full(IMAGES, 288.0),
    "mae_no_codebook": np.full(IMAGES, math.nan),
    "jpeg_vit_full": 7000.0 + 8 * np.arange(IMAGES),
    "jpeg_vit_payload": 1500.0 + 16 * np.arange(IMAGES),
}
CLASSIFIERS = ["vit", "vit_at", *SYMBOLS]

OVERLAY: dict[str, Any] = {
    "run": "tiny",
    "evaluation": {"bootstrap_samples": SAMPLES},
    "recognition": {
        "channel": "awgn",
        "at_snr_db": AT_SNR_DB,
        "default_noise": "iterated",
        "default_level": 8.0,
        "noise": {
            "iterated": {"epsilon_levels": [2.0, 4.0, 8.0, 12.0, 16.0]},
            "iterated_l2": {"epsilon_levels": [64.0, 128.0]},
            "through_channel": {"epsilon_levels": [8.0]},
        },
    },
}
Wrong = Sequence[int]
"""Numbers of the images that are named wrong."""


def chosen(systems: dict[str, Any], **overlay: Any) -> Params:
    """The repository's params with fewer channels, and of hu2022's variants with an index or analog features."""
    raw = merge(merge(raw_params(), OVERLAY), {"systems": systems, **overlay})
    raw["channels"] = {name: raw["channels"][name] for name in ("awgn", "rayleigh")}
    variants = (raw["systems"]["mae"] or {}).get("grid", {}).get("variant", {})
    raw["systems"].pop("hevc_vit", None)
    for name in ("no_awp", "no_mask"):
        variants.pop(name, None)
    return validate(raw)


@cache
def tiny() -> Params:
    return chosen({})


@pytest.fixture
def params() -> Params:
    return tiny()


def rows(
    wrong: Wrong = (), attack: str = "none", level: float = 0.0, source: str = "", channel: str = "error_free",
    snr_db: float = math.nan, **columns: Any,
) -> pd.DataFrame:  # fmt: skip
    """Results of all images under one noise over one link; columns that are not given are empty."""
    norm = "" if attack == "none" else "l2" if attack == "iterated_l2" else "linf"
    values = {"image": range(IMAGES), "channel": channel, "snr_db": snr_db, "attack": attack, "norm": norm}
    values |= {"level": level, "source": source, "right": ~np.isin(range(IMAGES), wrong)}
    empty = dict.fromkeys(("flips", "zero_gradient", "bits", "symbols", "positions"), math.nan)
    return pd.DataFrame(values | empty | columns)


def clean(system: str, wrong: Wrong = ()) -> pd.DataFrame:
    if system not in SYMBOLS:
        return rows(wrong)
    positions = 0 if system.startswith("jpeg") else 32
    return rows(wrong, bits=BITS[system], symbols=SYMBOLS[system], positions=positions)


def basic(system: str) -> pd.DataFrame:
    """No noise, default noise and transferred noise over two links."""
    parts = [clean(system), rows([1, 2], channel="awgn", snr_db=AT_SNR_DB)]
    if system != "jpeg_vit_payload":
        flips = np.arange(IMAGES) / IMAGES if system == "mae_vq" else math.nan
        for level in (0.0, 8.0):
            noise = ("iterated", level, system)
            parts.append(rows(range(int(level)), *noise, zero_gradient=0.25, flips=flips * (level / 8.0)))
            parts.append(rows(range(3 * int(level)), *noise, "awgn", AT_SNR_DB))
    moved = rows([5], attack="transfer", level=8.0, source="vit_at" if system == "vit" else "vit")
    parts.append(moved.assign(flips=0.875 if system == "mae_vq" else math.nan))
    return pd.concat(parts, ignore_index=True)


def project(folder: Path, params: Params, tables: dict[str, pd.DataFrame]) -> Project:
    """A project that holds these per-image results."""
    fake.write(folder, {f"accuracy/{system}": table for system, table in tables.items()})
    return Project(params, folder)


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that holds `basic` results of every system."""
    params = tiny()
    return project(
        tmp_path_factory.mktemp("project"), params, {system: basic(system) for system in params.of_task("class")}
    )


def made(of: Project, table: str) -> pd.DataFrame:
    return fake.made(of.params, table, of.folder)


def resampled(params: Params, values: npt.NDArray[np.float64]) -> tuple[float, float]:
    return interval(Bootstrap(len(values), SAMPLES, params.seed).means(values))


@pytest.mark.parametrize("name", REQUIRED)
def test_columns_are_those_of_the_output_contract(of: Project, name: str) -> None:
    table = made(of, name)
    assert not {*ALWAYS.split(), *REQUIRED[name].split()} - set(table.columns)
    assert len(table)
    assert (table["run"] == "tiny").all()
    assert (table["dataset"] == "cifar10").all()
    assert (table["seed"] == of.params.seed).all()
    assert (table["n_images"] == IMAGES).all()
    expected = {"accuracy": "Wilson score over images, 95%", "accuracy_difference": OVER_IMAGES}
    assert (table["interval"] == expected.get(name, "bootstrap over images, 95%")).all()


@pytest.mark.parametrize("name", REQUIRED)
def test_without_a_system_that_names_classes_the_table_is_empty(name: str, tmp_path: Path) -> None:
    params = chosen(dict.fromkeys(HU2022))
    assert not params.of_task("class")
    table = made(project(tmp_path, params, {}), name)
    assert table.empty
    assert not {*ALWAYS.split(), *REQUIRED[name].split()} - set(table.columns)


# accuracy


def wilson(right: int, count: int) -> tuple[float, float]:
    """Where (p̂ - p)² = z² p (1 - p) / n."""
    z, share = 1.959963984540054, right / count
    center = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return center - half, center + half


def test_accuracy_is_the_share_of_right_images_with_its_wilson_interval(params: Params, tmp_path: Path) -> None:
    wrong = {0.0: 0, 4.0: 1, 8.0: 13, 16.0: IMAGES}
    parts = [rows(range(count), attack="single", level=level, source="vit") for level, count in wrong.items()]
    tables = {system: clean(system) for system in CLASSIFIERS}
    tables["vit"] = pd.concat([clean("vit", [7]), *parts]).sample(frac=1, random_state=1)
    table = made(project(tmp_path, params, tables), "accuracy")
    for level, count in wrong.items():
        row = only(table[(table["semantic_noise_eps"] * 255 - level).abs() < 1e-3], system="vit", attack="single")
        right = IMAGES - count
        assert row["accuracy"] == pytest.approx(right / IMAGES, rel=1e-5)
        low, high = row["accuracy_low"], row["accuracy_high"]
        assert (low, high) == pytest.approx(wilson(right, IMAGES), rel=1e-5, abs=1e-9)
        assert 0 <= low <= row["accuracy"] <= high <= 1
        assert high - low > 0.05  # an interval with a width where all or none are right, too
        assert (row["norm"], row["source"], row["channel"]) == ("linf", "vit", "error_free")
    assert only(table, system="vit", attack="none")["accuracy"] == (IMAGES - 1) / IMAGES


def test_accuracy_has_one_row_for_each_link_noise_and_source(params: Params, tmp_path: Path) -> None:
    mine = [
        clean("mae_vq", [0]),
        rows(range(2), channel="awgn", snr_db=0.0),
        rows(range(3), channel="awgn", snr_db=12.0),
        rows(range(4), channel="rayleigh", snr_db=12.0),
        rows(range(5), "iterated", 8.0, "mae_vq"),
        rows(range(6), "iterated", 8.0, "mae_vq", "awgn", 12.0),
        rows(range(7), "iterated_l2", 8.0, "mae_vq"),
        rows(range(8), "transfer", 8.0, "vit"),
        rows(range(9), "transfer", 8.0, "vit_at"),
    ]
    tables = {system: clean(system) for system in CLASSIFIERS} | {"mae_vq": pd.concat(mine)}
    table = made(project(tmp_path, params, tables), "accuracy")
    own = table[table["system"] == "mae_vq"]
    assert ((1 - own["accuracy"]) * IMAGES).round(6).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert own["channel"].tolist()[:4] == ["error_free", "awgn", "awgn", "rayleigh"]
    assert own["snr_db"].fillna(-99).tolist()[:4] == [-99, 0, 12, 12]
    assert own["semantic_noise_eps"].tolist() == pytest.approx([0] * 4 + [8 / 255] * 5, rel=1e-5)
    assert own["norm"].fillna("").tolist()[4:] == ["linf", "linf", "l2", "linf", "linf"]
    assert own["source"].tolist()[-2:] == ["vit", "vit_at"]
    assert table["system"].drop_duplicates().tolist() == params.of_task("class")
    assert len(table) == len(mine) + len(CLASSIFIERS) - 1


# overhead


def test_overhead_has_one_row_for_each_system_and_conventional_reference(of: Project) -> None:
    table = made(of, "overhead")
    pairs = list(zip(table["reference"], table["system"], strict=True))
    assert pairs == [(reference, name) for reference in ("jpeg_vit_full", "jpeg_vit_payload") for name in SYMBOLS]
    streams = ["uncoded", "coded", "uncoded", "analog", "full", "payload"]
    assert table["stream"].tolist() == streams * 2
    assert table["positions"].tolist() == [32, 32, 32, 32, 0, 0] * 2
    assert (table["channel"] == "none").all()
    assert table["snr_db"].isna().all()


def test_overhead_by_hand(of: Project) -> None:
    table, resamples = made(of, "overhead"), Bootstrap(IMAGES, SAMPLES, of.params.seed)
    for system, own in SYMBOLS.items():
        for reference in ("jpeg_vit_full", "jpeg_vit_payload"):
            row, other = only(table, system=system, reference=reference), SYMBOLS[reference]
            for name, values in (("bits", BITS[system]), ("symbols", own)):
                found = (row[f"{name}_per_image"], row[f"{name}_low"], row[f"{name}_high"])
                assert found == pytest.approx((values.mean(), *resampled(of.params, values)), rel=1e-5, nan_ok=True)
            expected = (other.mean() / own.mean(), *interval(resamples.means(other) / resamples.means(own)))
            assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == pytest.approx(expected, rel=1e-5)
            if system == reference:  # the same images on both sides, in every resample
                assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (1.0, 1.0, 1.0)


# index flips


def test_index_flips_by_hand(of: Project) -> None:
    table = made(of, "index_flips")
    assert table[["system", "attack"]].apply(tuple, axis=1).tolist() == [("mae_vq", "iterated")] * 2
    assert table["semantic_noise_eps"].tolist() == pytest.approx([0.0, 8 / 255], rel=1e-5)
    flips = np.arange(IMAGES) / IMAGES
    assert table["flip_rate"].tolist() == pytest.approx([0.0, flips.mean()], rel=1e-5)
    row = table.iloc[1]
    assert (row["flip_low"], row["flip_high"]) == pytest.approx(resampled(of.params, flips), rel=1e-5)
    assert (row["norm"], row["channel"]) == ("linf", "error_free")
    assert row["flip_low"] < row["flip_rate"] < row["flip_high"]


# attack sanity

NOISES: dict[tuple[str, float], Wrong] = {
    ("iterated", 0.0): range(4),
    ("iterated", 2.0): range(10),
    ("iterated", 4.0): range(14),
    ("iterated", 8.0): range(24),
    ("iterated", 12.0): range(26),
    ("iterated", 16.0): range(30),
    ("single", 0.0): range(4),
    ("single", 8.0): range(20),
    ("random", 0.0): range(4),
    ("random", 8.0): range(5),
    ("iterated_l2", 0.0): range(4),
    ("iterated_l2", 64.0): range(17),
    ("iterated_l2", 128.0): range(25),
    ("through_channel", 0.0): range(4),
    ("through_channel", 8.0): range(22),
}
"""Images that `mae_vq` names wrong where nothing is lost; without noise 0 to 3."""

MOVED: dict[str, Wrong] = {"vit": range(8), "vit_at": range(12), "mae_vq_coded": range(24), "jpeg_vit_full": range(6)}


def results(
    changed: dict[tuple[str, float], Wrong] | None = None, moved: dict[str, Wrong] | None = None,
    over: dict[str, Wrong] | None = None, zero_gradient: float = 0.55, system: str = "mae_vq",
) -> pd.DataFrame:  # fmt: skip
    """Results of a system that is attacked as it should be, half of its pixels hidden, with these images wrong instead.

    `over`: wrong images behind the channel, at the default level.
    """
    parts = [rows(range(4)), rows(range(6), channel="awgn", snr_db=AT_SNR_DB)]
    for (attack, level), wrong in (NOISES | (changed or {})).items():
        if attack in tiny().noise_against(system):
            parts.append(rows(wrong, attack, level, system, zero_gradient=zero_gradient if level == 8.0 else 0.9))
    for source, wrong in (MOVED if moved is None else moved).items():
        parts.append(rows(wrong, "transfer", 8.0, source))
        parts.append(rows(range(39), "transfer", 8.0, source, "awgn", AT_SNR_DB))
    behind: dict[str, Wrong] = {"iterated": range(27), "through_channel": range(26)} | (over or {})
    for attack in [name for name in behind if name in tiny().noise_against(system)]:
        wrong = behind[attack]
        parts.append(rows(wrong, attack, 8.0, system, "awgn", AT_SNR_DB))
        # elsewhere nothing of it counts
        parts.append(rows([] if attack == "iterated" else range(40), attack, 8.0, system, "awgn", 0.0))
        parts.append(rows([] if attack == "iterated" else range(40), attack, 8.0, system, "rayleigh", AT_SNR_DB))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=2)


def sane(table: pd.DataFrame, system: str = "mae_vq") -> pd.DataFrame:
    work = fake.FakeWork(tiny(), "attack_sanity", Path())
    return pd.DataFrame(list(checks(work, system, table)))


def errors(*counts: int) -> list[float]:
    return [count / IMAGES for count in counts]


def test_a_system_that_is_attacked_as_it_should_be_passes_every_check() -> None:
    table = sane(results())
    counts = table["check"].value_counts().to_dict()
    assert counts == {
        "zero_is_clean": 5,
        "monotone": 5 + 2 + 1,  # iterated, iterated_l2, through_channel; others need not be
        "iterated_vs_single": 1,
        "single_vs_random": 1,
        "white_box_vs_transfer": 4,
        "channel_blind_vs_aware": 1,
        "zero_gradients": 1,
    }
    assert (table["verdict"] == "holds").all()
    assert (table["n_images"] == IMAGES).all()
    at = table["check"] == "channel_blind_vs_aware"
    assert (table["channel"] == np.where(at, "awgn", "error_free")).all()
    assert (table["snr_db"].notna() == at).all()
    assert table.loc[at, "snr_db"].tolist() == [AT_SNR_DB]


def test_both_sides_of_every_check_are_the_error_rates_that_it_names() -> None:
    table = sane(results())
    sides = {name: group[["stronger", "weaker"]].to_numpy().tolist() for name, group in table.groupby("check")}
    assert sides["zero_is_clean"] == [errors(4, 4)] * 5
    steps = [(10, 4), (14, 10), (24, 14), (26, 24), (30, 26)]
    assert sides["monotone"] == [errors(*pair) for pair in (*steps, (17, 4), (25, 17), (22, 4))]
    assert sides["iterated_vs_single"] == [errors(24, 20)]
    assert sides["single_vs_random"] == [errors(20, 5)]
    assert sides["white_box_vs_transfer"] == [errors(24, len(wrong)) for wrong in MOVED.values()]
    assert sides["channel_blind_vs_aware"] == [errors(27, 26)]
    assert sides["zero_gradients"] == [[pytest.approx(0.1), 0.5]]  # of the pixels that are sent
    levels = (table.set_index("check")["semantic_noise_eps"] * 255).round(6)
    assert levels["monotone"].tolist() == [2, 4, 8, 12, 16, 64, 128, 8]
    assert set(levels.drop(["monotone", "zero_is_clean"])) == {8.0}
    named = table.set_index("check")["attack"]
    assert named["zero_is_clean"].tolist() == ["iterated", "single", "random", "iterated_l2", "through_channel"]
    assert (named["iterated_vs_single"], named["single_vs_random"]) == ("iterated", "single")
    assert set(named["white_box_vs_transfer"]) == {"transfer"}


def test_the_difference_is_paired_over_images(params: Params) -> None:
    """The same images in both sets: a difference of none has no width."""
    table = sane(results({("iterated", 2.0): range(3, 13)}))
    row = only(table, check="monotone", attack="iterated", stronger=10 / IMAGES)
    change = np.isin(range(IMAGES), range(3, 13)).astype(float) - np.isin(range(IMAGES), range(4))
    low, high = resampled(params, change)
    found = (row["difference"], row["difference_low"], row["difference_high"])
    assert found == pytest.approx((6 / IMAGES, low, high))
    same = only(table, check="zero_is_clean", attack="single")
    assert (same["difference"], same["difference_low"], same["difference_high"]) == (0.0, 0.0, 0.0)


MANY = range(36)
LAST = {"attack": "iterated_l2"}
WEAKER: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("monotone", LAST | {"stronger": 16 / IMAGES}, {"changed": {("iterated_l2", 128.0): range(1, 17)}}, "within_noise"),
    ("monotone", LAST | {"stronger": 3 / IMAGES}, {"changed": {("iterated_l2", 128.0): range(3)}}, "violated"),
    ("iterated_vs_single", {}, {"changed": {("single", 8.0): range(1, 26)}}, "within_noise"),
    ("iterated_vs_single", {}, {"changed": {("single", 8.0): MANY}}, "violated"),
    ("single_vs_random", {}, {"changed": {("random", 8.0): range(19, 40)}}, "within_noise"),
    ("single_vs_random", {}, {"changed": {("random", 8.0): MANY}}, "violated"),
    ("white_box_vs_transfer", {"weaker": 25 / IMAGES}, {"moved": MOVED | {"vit_at": range(15, 40)}}, "within_noise"),
    ("white_box_vs_transfer", {"weaker": 36 / IMAGES}, {"moved": MOVED | {"vit_at": MANY}}, "violated"),
    ("channel_blind_vs_aware", {}, {"over": {"through_channel": range(12, 40)}}, "within_noise"),
    ("channel_blind_vs_aware", {}, {"over": {"through_channel": range(39)}}, "violated"),
    ("zero_gradients", {}, {"zero_gradient": 0.8}, "flagged"),
    ("zero_gradients", {}, {"zero_gradient": 0.7}, "holds"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "where", "given", "verdict"), WEAKER, ids=[f"{row[0]}-{row[3]}" for row in WEAKER])
def test_verdicts(check: str, where: dict[str, Any], given: dict[str, Any], verdict: str) -> None:
    table = sane(results(**given))
    row = only(table, check=check, **where)
    assert row["verdict"] == verdict
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    if verdict in ("within_noise", "violated"):
        assert row["difference"] < 0
        assert (row["difference_high"] < 0) == (verdict == "violated")
    others = table.drop(index=row.name)
    assert (others["verdict"] == "holds").all(), "one cause, one verdict"


@pytest.mark.parametrize("wrong", [range(3), range(5), range(1, 5)], ids=["one less", "one more", "as many others"])
def test_noise_of_no_size_must_change_no_single_image(wrong: Wrong) -> None:
    table = sane(results({("single", 0.0): wrong}))
    row = only(table, check="zero_is_clean", attack="single")
    assert row["verdict"] == "violated"
    assert row["difference"] == pytest.approx((len(wrong) - 4) / IMAGES)
    assert (table.drop(index=row.name)["verdict"] == "holds").all()


def test_transfer_is_compared_with_every_other_source_that_was_tried() -> None:
    table = sane(results(moved={"vit": range(8), "vit_at": MANY, "jpeg_vit_full": range(24)}))
    rows = table[table["check"] == "white_box_vs_transfer"]
    assert rows["verdict"].tolist() == ["holds", "violated", "holds"]
    assert [text.split()[-1] for text in rows["description"]] == ["vit", "vit_at", "jpeg_vit_full"]


def test_noise_that_was_not_made_gives_no_row() -> None:
    single = sane(results(system="mae_vq_coded", moved={"vit": range(8)}), "mae_vq_coded")
    assert tiny().noise_against("mae_vq_coded") == ["iterated"]
    checks = ["zero_is_clean", *["monotone"] * 5, "white_box_vs_transfer", "zero_gradients"]
    assert single["check"].tolist() == checks
    never = pd.concat([rows(range(4)), rows(range(9), "transfer", 8.0, "vit")])
    assert sane(never, "jpeg_vit_payload").empty
    # a system that no channel reaches
    direct = results()
    direct = direct[direct["channel"] == "error_free"]
    assert "channel_blind_vs_aware" not in set(sane(direct)["check"])
    assert len(sane(direct)) == len(sane(results())) - 1


def test_verdicts_reach_the_table(params: Params, tmp_path: Path) -> None:
    tables = {system: clean(system) for system in CLASSIFIERS}
    tables["mae_vq"] = results({("single", 8.0): MANY}, zero_gradient=0.8)
    table = made(project(tmp_path, params, tables), "attack_sanity")
    expected = sane(tables["mae_vq"])
    assert (table["system"] == "mae_vq").all()
    assert table["check"].tolist() == expected["check"].tolist()
    assert table["verdict"].tolist() == expected["verdict"].tolist()
    assert set(table["verdict"]) == {"holds", "violated", "flagged"}
    for name in ("semantic_noise_eps", "stronger", "weaker", "difference", "difference_low", "difference_high"):
        np.testing.assert_allclose(table[name], expected[name], rtol=1e-5)
