"""Channel states: unitary transforms, the angle and delay of a single path, drops, and CsiNet's files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from semrobust.config.csi import DropSettings, SampleSettings, StateSettings
from semrobust.data import channel_states, cost2100, drops
from semrobust.data.channel_states import angular_delay, antenna_frequency, stored
from semrobust.data.content import Split, content_digest
from semrobust.data.download import file_digest
from semrobust.data.splits import load_split
from semrobust.errors import ChecksumError, DataError

RURAL = DropSettings(scenario="rma", carrier_ghz=0.7, bandwidth_mhz=20.0)
ROWS = {"train": 6, "validation": 4, "test": 5}


def random_channels(count: int) -> np.typing.NDArray[np.complex128]:
    stream = np.random.default_rng(0)
    return stream.standard_normal((count, 32, 1024)) + 1j * stream.standard_normal((count, 32, 1024))


def test_transforms_keep_energy_and_have_an_inverse() -> None:
    channel = random_channels(3)
    states = angular_delay(channel)
    assert states.shape == (3, 1024, 32)
    np.testing.assert_allclose((abs(states) ** 2).sum((1, 2)), (abs(channel) ** 2).sum((1, 2)))
    np.testing.assert_allclose(antenna_frequency(states), channel, atol=1e-9)


@pytest.mark.parametrize(("tap", "turns"), [(0, 0), (5, 3), (31, 20)])
def test_one_path_on_the_grid_is_one_coefficient(tap: int, turns: int) -> None:
    """A path that arrives `tap` sampling periods late, with `turns` periods over the array."""
    bandwidth = 20e6
    gains = torch.exp(2j * torch.pi * turns * torch.arange(32) / 32)[None, :, None]
    channel = drops.over_subcarriers(gains, torch.tensor([[tap / bandwidth]]), bandwidth).numpy()
    energy = abs(angular_delay(channel)[0]) ** 2
    assert np.unravel_index(energy.argmax(), energy.shape) == (tap, turns)
    assert energy.max() / energy.sum() > 0.9999


def test_one_path_off_the_grid_leaks_as_a_window_does() -> None:
    """Half way between two angles the two nearest bins share 2·(2/π)² of the energy: 81%."""
    gains = torch.exp(2j * torch.pi * 7.5 * torch.arange(32) / 32)[None, :, None]
    energy = abs(angular_delay(drops.over_subcarriers(gains, torch.zeros(1, 1), 20e6).numpy())[0]) ** 2
    angles = energy.sum(0) / energy.sum()
    assert set(np.argsort(angles)[-2:]) == {7, 8}
    assert angles[[7, 8]].sum() == pytest.approx(8 / np.pi**2, abs=2e-3)


def test_stored_states_lie_in_0_to_1_with_the_largest_magnitude_at_a_half() -> None:
    states = stored(angular_delay(random_channels(4)))
    assert states.shape == (4, 2, 32, 32)
    assert states.dtype == np.float32
    np.testing.assert_allclose(np.sqrt(np.square(states - 0.5).sum(1)).max((1, 2)), 0.5, rtol=1e-5)


@pytest.mark.slow
def test_drops_are_those_of_sionna_and_depend_on_nothing_but_their_names() -> None:
    from sionna.phy.channel import cir_to_ofdm_channel, subcarrier_frequencies

    (few,) = drops.channels(RURAL, 3, 7, "test")
    (more,) = drops.channels(RURAL, 5, 7, "test")
    np.testing.assert_array_equal(more[:3], few)
    (others,) = drops.channels(RURAL, 3, 7, "train")
    assert not np.allclose(others, few)
    stream = np.random.default_rng(0)
    gains = torch.from_numpy(stream.standard_normal((2, 32, 5)) + 1j * stream.standard_normal((2, 32, 5)))
    delays = torch.from_numpy(stream.uniform(0, 1e-6, (2, 5)))
    own = drops.over_subcarriers(gains, delays, 20e6)
    frequencies = subcarrier_frequencies(1024, 20e6 / 1024, precision="double", device="cpu")
    theirs = cir_to_ofdm_channel(
        frequencies, gains[:, None, None, None, :, :, None], delays[:, None, None], normalize=False
    )
    np.testing.assert_allclose(own, theirs[:, 0, 0, 0, :, 0], atol=2e-3)


@pytest.mark.slow
def test_splits_of_drops_share_no_user_and_are_recorded(tmp_path: Path) -> None:
    given = StateSettings(
        source="sionna", path=None, drops=RURAL, samples=SampleSettings(train=8, validation=3, test=4)
    )
    made = channel_states.prepare(given, 7, tmp_path, tmp_path / "raw")
    splits = {name: load_split(tmp_path, name) for name in ROWS}
    assert {name: len(split) for name, split in splits.items()} == {"train": 8, "validation": 3, "test": 4}
    assert len(np.unique(np.concatenate([split.labels for split in splits.values()]))) == 15
    for name, split in splits.items():
        assert made["splits"][name]["digest"] == content_digest(split.images, split.labels)
    assert made["source"] == "sionna"


def test_a_digest_of_states_asks_for_content_and_not_for_order() -> None:
    states, labels = stored(angular_delay(random_channels(4))), np.arange(4)
    turned = [2, 0, 3, 1]
    assert content_digest(states, labels) == content_digest(states[turned], labels[turned])
    assert content_digest(states, labels) != content_digest(states, labels + 1)
    assert content_digest(states, labels) != content_digest(states + np.float32(1e-6), labels)


def test_a_state_of_a_negative_drop_is_refused() -> None:
    with pytest.raises(DataError, match="must not be negative"):
        Split(np.zeros((1, 2, 32, 32), np.float32), np.array([-1]))


def values(rows: int, seed: int) -> np.typing.NDArray[np.float32]:
    return np.random.default_rng(seed).random((rows, 2048), np.float32)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder in the layout of CsiNet's files."""
    folder = tmp_path / "COST2100"
    folder.mkdir()
    for seed, (name, member) in enumerate(cost2100.MEMBERS.items()):
        savemat(folder / member, {"HT": values(ROWS[name], seed)})
    return folder


def archived(files: Path) -> Path:
    archive = files.parent / "COST2100_dataset.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for member in cost2100.MEMBERS.values():
            opened.write(files / member, f"../{member}")  # a path that leads out of the folder
    return archive


COUNTS = {"train": 5, "validation": 2, "test": 5}


def test_csinet_s_files_are_read_by_name_and_shape(files: Path, tmp_path: Path) -> None:
    splits, hashes = cost2100.load(str(files), COUNTS, 1, tmp_path / "raw", ROWS)
    assert {name: len(split) for name, split in splits.items()} == COUNTS
    first, whole = (
        {"train": 0, "validation": 6, "test": 10},
        [values(ROWS[name], seed) for seed, name in enumerate(ROWS)],
    )
    for seed, (name, split) in enumerate(splits.items()):
        rows = split.labels - first[name]
        np.testing.assert_array_equal(split.images.reshape(len(rows), -1), whole[seed][rows])
    assert hashes == {member: file_digest(files / member, "sha256") for member in cost2100.MEMBERS.values()}


def test_an_import_from_the_archive_goes_on_with_what_is_missing(files: Path, tmp_path: Path) -> None:
    archive, cache = archived(files), tmp_path / "raw"
    sha256 = file_digest(archive, "sha256")
    whole, _ = cost2100.load(str(archive), COUNTS, 1, cache, ROWS, sha256)
    unpacked = cache / "cost2100"
    assert {path.name for path in unpacked.iterdir()} == set(cost2100.MEMBERS.values())
    assert not (tmp_path / "DATA_Htrainout.mat").exists()
    kept = (unpacked / "DATA_Htestout.mat").stat().st_mtime_ns
    (unpacked / "DATA_Hvalout.mat").unlink()  # killed before this one
    again, _ = cost2100.load(str(archive), COUNTS, 1, cache, ROWS, sha256)
    assert (unpacked / "DATA_Htestout.mat").stat().st_mtime_ns == kept
    np.testing.assert_array_equal(again["validation"].images, whole["validation"].images)


def test_another_archive_is_refused(files: Path, tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match=r"COST2100_dataset\.zip: expected checksum a6de66"):
        cost2100.load(str(archived(files)), COUNTS, 1, tmp_path / "raw", ROWS)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"HT": values(5, 0)}, r"must hold HT, single \(6, 2048\), not \(\(5, 2048\), 'single'\)"),
        ({"HT": values(6, 0).astype(np.float64)}, "single"),
        ({"other": values(6, 0)}, "nothing of that name"),
        ({"HT": values(6, 0) + 1}, r"must lie in \[0, 1\]"),
        (b"no MATLAB file at all", "cannot be read"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    files: Path, tmp_path: Path, content: dict[str, object] | bytes, says: str
) -> None:
    wrong = files / cost2100.MEMBERS["train"]
    if isinstance(content, bytes):
        wrong.write_bytes(content)
    else:
        savemat(wrong, content)
    with pytest.raises(DataError, match=says):
        cost2100.load(str(files), COUNTS, 1, tmp_path / "raw", ROWS)


def test_who_has_no_files_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cost2100.ENVIRONMENT, raising=False)
    with pytest.raises(
        DataError, match=r"csi.path is null: point csi.path or SEMROBUST_COST2100 .* csi.source: sionna"
    ):
        cost2100.load(None, COUNTS, 1, tmp_path, ROWS)
