"""The hub's parquet files: `img: struct<bytes: binary, path: string>` with one PNG each, `label: int64`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from semrobust.data.content import CLASSES, Split
from semrobust.errors import DataError

_SIZE = (32, 32)


def _columns(file: Path) -> tuple[list[bytes | None], list[int | None]]:
    import pyarrow as pa  # half a second, and only CIFAR-10 from the hub needs it
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as opened:
            schema = opened.schema_arrow
            for name in ("img", "label"):
                if name not in schema.names:
                    raise DataError(f"{file}: column {name!r} is missing; it has {', '.join(schema.names)}")
            image_type = schema.field("img").type
            if not pa.types.is_struct(image_type) or image_type.get_field_index("bytes") < 0:
                raise DataError(f"{file}: column 'img' must be a struct with a field 'bytes', not {image_type}")
            if not pa.types.is_binary(image_type.field("bytes").type):
                raise DataError(f"{file}: field 'img.bytes' must be binary, not {image_type.field('bytes').type}")
            if schema.field("label").type != pa.int64():
                raise DataError(f"{file}: column 'label' must be int64, not {schema.field('label').type}")
            table = opened.read(columns=["img.bytes", "label"])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: not a readable parquet file ({error}); fetch it anew") from error
    structs = table.column("img").to_pylist()
    return [row["bytes"] if row is not None else None for row in structs], table.column("label").to_pylist()


def _decode(png: bytes | None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    if png is None:
        raise DataError("no image")
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.size != _SIZE or image.mode != "RGB":  # known from the header, before pixels are decoded
                width, height = image.size
                raise DataError(f"image must be 32x32 RGB, not {width}x{height} {image.mode}")
            return np.asarray(image)
    except DataError:
        raise
    except Exception as error:  # Pillow has no closed list of what a damaged PNG raises
        raise DataError(f"not a readable PNG ({type(error).__name__}: {error})") from error


def read_parquet(files: Sequence[Path]) -> Split:
    """Return one split from its parquet files (one, or its shards in order).

    Raises:
        DataError: names the file, and the row where one image or label is wrong.
    """
    images, labels = [], []
    for file in files:
        pngs, numbers = _columns(file)
        pixels = np.empty((len(pngs), *_SIZE, 3), dtype=np.uint8)
        for row, (png, number) in enumerate(zip(pngs, numbers, strict=True)):
            try:
                pixels[row] = _decode(png)
            except DataError as error:
                raise DataError(f"{file}, row {row}: {error}") from error
            if number is None or not 0 <= number < CLASSES:
                raise DataError(f"{file}, row {row}: label must lie in 0..{CLASSES - 1}, not {number}")
        images.append(pixels.transpose(0, 3, 1, 2))
        labels.append(np.array(numbers, dtype=np.int64))
    return Split(np.ascontiguousarray(np.concatenate(images)), np.concatenate(labels))
