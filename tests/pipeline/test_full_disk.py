"""Every kind of file that the package writes, on a disk that is really full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from semrobust.errors import ArtifactError
from semrobust.pipeline import files, locks
from tests.small_disk import SmallDisk, small_disk

NUMBERS = np.random.default_rng(0).random(200_000)  # 1.6 MB, which do not compress


def drawing(path: Path) -> None:
    figure = plt.figure()
    figure.figimage(NUMBERS.reshape(400, 500))
    figure.savefig(path)
    plt.close(figure)


WRITERS: dict[str, Callable[[Path], object]] = {
    "state.pt": lambda path: torch.save({"a": torch.from_numpy(NUMBERS)}, path),
    "torch.safetensors": lambda path: safetensors.torch.save_file({"a": torch.from_numpy(NUMBERS)}, path),
    "numpy.safetensors": lambda path: safetensors.numpy.save_file({"a": NUMBERS}, path),
    "array.npy": lambda path: np.save(path, NUMBERS, allow_pickle=False),
    "arrays.npz": lambda path: np.savez(path, a=NUMBERS),
    "compressed.npz": lambda path: np.savez_compressed(path, a=NUMBERS),
    "table.parquet": lambda path: pd.DataFrame({"a": NUMBERS}).to_parquet(path, index=False),
    "table.csv": lambda path: pd.DataFrame({"a": NUMBERS}).to_csv(path, index=False),
    "figure.pdf": drawing,
    "figure.png": drawing,
    "record.json": lambda path: path.write_text("0," * 2**20),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk", megabytes=4) as mounted:
        yield mounted


@pytest.mark.parametrize("room", [0, 20_000])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_does_not_fit_is_a_clear_error_and_leaves_nothing(disk: SmallDisk, name: str, room: int) -> None:
    target = disk.root / "out" / name
    files.write_text(target, "old")
    disk.fill(leaving=room)

    def write() -> None:
        with files.replacing(target) as temporary:
            WRITERS[name](temporary)

    try:
        with pytest.raises(
            ArtifactError, match=rf"cannot write .*{name}: .*No space left on device.*same command again"
        ):
            write()
        assert target.read_text() == "old"
        assert [path.name for path in target.parent.iterdir()] == [name]
    finally:
        disk.free()
    write()
    assert target.stat().st_size > 100_000
    target.unlink()


def test_an_error_of_a_writer_on_a_disk_with_room_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="really"), files.replacing(tmp_path / "a"):
        raise RuntimeError("really")


def test_room_is_asked_for(disk: SmallDisk) -> None:
    files.need_room(disk.root)
    files.need_room(disk.root / "not there yet")
    disk.fill()
    with pytest.raises(ArtifactError, match=f"cannot write {disk.root}: No space left"):
        files.need_room(disk.root)
    disk.free()


def test_a_lock_needs_no_room(disk: SmallDisk) -> None:
    disk.fill()
    with locks.alone(disk.root / "a.lock", "it"):
        pass
    disk.free()
