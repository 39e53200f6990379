from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from semrobust.data.parquet import read_parquet
from semrobust.errors import DataError
from tests.data.samples import png, pngs, random_split, write_parquet

SPLIT = random_split(6, 3)
LABELS = SPLIT.labels.tolist()


def test_shards_are_read_exactly_and_in_order(tmp_path: Path) -> None:
    images = pngs(SPLIT)
    files = [
        write_parquet(tmp_path / "train-0.parquet", images[:4], LABELS[:4]),
        write_parquet(tmp_path / "train-1.parquet", images[4:], LABELS[4:]),
    ]
    read = read_parquet(files)
    np.testing.assert_array_equal(read.images, SPLIT.images)
    np.testing.assert_array_equal(read.labels, SPLIT.labels)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"",
        b"no png",
        pngs(SPLIT)[3][:-200],
        pngs(SPLIT)[3][:100] + b"\x00" + pngs(SPLIT)[3][101:],
        png(np.zeros((32, 31, 3), np.uint8)),
        png(np.zeros((64, 64, 3), np.uint8)),
        png(np.zeros((32, 32), np.uint8)),
        png(np.zeros((32, 32, 4), np.uint8)),
    ],
    ids=["null", "empty", "text", "cut", "altered", "narrow", "large", "grey", "alpha"],
)
def test_bad_image_names_its_row(tmp_path: Path, bad: bytes | None) -> None:
    images = [*pngs(SPLIT)[:3], bad, *pngs(SPLIT)[4:]]
    file = write_parquet(tmp_path / "train.parquet", images, LABELS)
    with pytest.raises(DataError, match=r"train\.parquet, row 3: "):
        read_parquet([file])


def test_bad_label_names_its_row(tmp_path: Path) -> None:
    for bad in (10, -1, None):
        labels = [*LABELS[:5], bad]
        file = write_parquet(tmp_path / "train.parquet", pngs(SPLIT), labels)
        with pytest.raises(DataError, match=r"row 5: label must lie in 0\.\.9"):
            read_parquet([file])


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    file = tmp_path / "train.parquet"
    image = pa.array([{"bytes": b"x"}])
    for table, match in (
        (pa.table({"image": image, "label": [1]}), "'img' is missing"),
        (pa.table({"img": image}), "'label' is missing"),
        (pa.table({"img": pa.array([b"x"]), "label": [1]}), "must be a struct"),
        (pa.table({"img": pa.array([{"path": "x"}]), "label": [1]}), "must be a struct"),
        (pa.table({"img": pa.array([{"bytes": "x"}]), "label": [1]}), "must be binary"),
        (pa.table({"img": image, "label": pa.array([1.0])}), "must be int64"),
    ):
        pq.write_table(table, file)
        with pytest.raises(DataError, match=match):
            read_parquet([file])


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "train.parquet", pngs(SPLIT), LABELS)
    whole = file.read_bytes()
    for damaged in (b"", whole[:-20], whole[: len(whole) // 2]):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=r"train\.parquet"):
            read_parquet([file])
