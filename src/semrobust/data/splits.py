"""Splits on disk: what every later step reads. It knows nothing of where the images came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semrobust.data.content import Split
from semrobust.errors import DataError

SPLITS = ("train", "validation", "test")
FILES = tuple(f"{split}_{part}.npy" for split in SPLITS for part in ("images", "labels"))


def split_files(folder: Path, name: str) -> tuple[Path, Path]:
    """Paths of the images and the labels of a split."""
    return folder / f"{name}_images.npy", folder / f"{name}_labels.npy"


def load_split(folder: Path, name: str) -> Split:
    """Return a split written by `prepare`, mapped read-only from disk.

    Raises:
        DataError: a file is missing, cut short, or not of the promised shape and type.
    """
    arrays = []
    for file in split_files(folder, name):
        try:
            arrays.append(np.lib.format.open_memmap(file, mode="r"))
        except FileNotFoundError as error:
            raise DataError(f"{file} is missing; run `semrobust data` to make it") from error
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{file} is damaged ({error}); run `semrobust data` to make it anew") from error
    try:
        return Split(arrays[0], arrays[1])
    except DataError as error:
        raise DataError(
            f"{folder}: the files of split {name!r} do not belong together: {error}; run `semrobust data`"
        ) from error
