"""From raw samples to the three splits on disk that every later step reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.config.settings import DataSettings
from semrobust.data import cifar10, photos
from semrobust.data.content import Raw, Split, content_digest
from semrobust.data.splits import SPLITS, split_files
from semrobust.errors import DataError
from semrobust.pipeline import seeds
from semrobust.pipeline.files import replacing


def _first(rows: npt.NDArray[np.int64], wanted: int | None, key: str) -> npt.NDArray[np.int64]:
    if wanted is not None and wanted > len(rows):
        raise DataError(f"data.{key} is {wanted}, but only {len(rows)} images are there for it")
    return rows[:wanted]


def split_raw(raw: Raw, settings: DataSettings, root_seed: int) -> dict[str, Split]:
    """Return the train, validation and test splits of `raw`, shuffled by streams of `root_seed`.

    Every subset is the first images of one shuffled order: classes are mixed, and a smaller number of images
    is always a subset of a larger one. Where the source has no validation images, the first
    `validation_images` of the shuffled training images become it, and training takes from what follows.

    Raises:
        DataError: there are not as many images as the settings ask for.
    """

    def shuffled(split: Split, name: str) -> npt.NDArray[np.int64]:
        return seeds.generator(root_seed, "data", name).permutation(len(split)).astype(np.int64)

    if raw.validation is None:
        count = settings.validation_images
        if count >= len(raw.train):
            raise DataError(
                f"data.validation_images is {count}, which leaves nothing of {len(raw.train)} training images"
            )
        order = shuffled(raw.train, "validation")
        validation, rest = raw.train.take(order[:count]), order[count:]
    else:
        order = _first(shuffled(raw.validation, "validation"), settings.validation_images, "validation_images")
        validation, rest = raw.validation.take(order), shuffled(raw.train, "train")
    return {
        "train": raw.train.take(_first(rest, settings.train_images, "train_images")),
        "validation": validation,
        "test": raw.test.take(_first(shuffled(raw.test, "test"), settings.test_images, "test_images")),
    }


def _save(array: npt.NDArray[Any], file: Path) -> None:
    with replacing(file) as temporary:
        np.save(temporary, array, allow_pickle=False)


def prepare(settings: DataSettings, root_seed: int, destination: Path, cache_dir: Path) -> dict[str, Any]:
    """Write `{train,validation,test}_{images,labels}.npy` into `destination` and return their record.

    Args:
        settings: the `data:` section.
        root_seed: the run's seed; it decides the validation images and the order of each split.
        destination: folder of the arrays: images uint8 NCHW (n, 3, 32, 32), labels int64 (n,).
        cache_dir: where downloads are kept.

    Returns:
        `{"source": ..., "splits": {name: {"count": n, "digest": content digest}}, "digest": ...}`, ready for
        JSON; the last digest is the sha256 over the bytes of the three content digests, in the order of
        `SPLITS`. Digests name the content, not its order: that is given by `root_seed`.

    Raises:
        DataError, ChecksumError: the source fails or has too few images.
        ArtifactError: the destination cannot be written.
    """
    raw = cifar10.load(settings, cache_dir) if settings.source == "cifar10" else photos.load()
    return write(split_raw(raw, settings, root_seed), settings.source, destination)


def write(splits: Mapping[str, Split], source: str, destination: Path) -> dict[str, Any]:
    """Write the splits of a source as `prepare` does, and return their record."""
    record: dict[str, dict[str, Any]] = {}
    for name in SPLITS:
        split = splits[name]
        images_file, labels_file = split_files(destination, name)
        _save(split.images, images_file)
        _save(split.labels, labels_file)
        record[name] = {"count": len(split), "digest": content_digest(split.images, split.labels)}
    whole = hashlib.sha256(b"".join(bytes.fromhex(record[name]["digest"]) for name in SPLITS)).hexdigest()
    return {"source": source, "splits": record, "digest": whole}
