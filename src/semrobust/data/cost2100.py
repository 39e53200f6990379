"""CsiNet's files of COST 2100 channels (outdoor), for a user who has them: read, and nothing in them executed.

`DATA_Htrainout.mat`, `DATA_Hvalout.mat` and `DATA_Htestout.mat` hold one array `HT` each, float32 rows of
2048 = 2·32·32 values in [0, 1]: real parts, then imaginary parts of the angular-delay domain, 0.5 added. They come as
one zip archive, whose SHA-256 is known, or lie in a folder. Of files in a folder name, type, shape and range are
checked, and their SHA-256 goes into the record.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat, whosmat

from semrobust.config.csi import COST2100_SAMPLES
from semrobust.data.content import STATE_SHAPE, Split
from semrobust.data.download import file_digest
from semrobust.errors import ChecksumError, DataError
from semrobust.pipeline import seeds
from semrobust.pipeline.files import replacing

ARCHIVE_SHA256 = "a6de66031db1f54018564927985fbece59e61b3fd5dc2a08b9ba10033c3c7ba5"
MEMBERS = {"train": "DATA_Htrainout.mat", "validation": "DATA_Hvalout.mat", "test": "DATA_Htestout.mat"}
VARIABLE = "HT"
ENVIRONMENT = "SEMROBUST_COST2100"
_VALUES = int(np.prod(STATE_SHAPE))


def load(
    path: str | None,
    counts: Mapping[str, int],
    root_seed: int,
    cache_dir: Path,
    samples: Mapping[str, int] = COST2100_SAMPLES,
    archive_sha256: str = ARCHIVE_SHA256,
) -> tuple[dict[str, Split], dict[str, str]]:
    """The first `counts` rows of each file in the shuffled order of `root_seed`, and the SHA-256 of each file by name.

    `path` is the archive or a folder. Members of an archive are unpacked once, one after the other, into `cache_dir`,
    and kept there: an import that was killed goes on with the first member that is missing. Labels are rows, counted
    on through the files. `samples`, the rows of each file, and `archive_sha256` are those of the real ones.

    Raises:
        DataError: nothing is there, or a file is not what it should be.
        ChecksumError: the archive is another one.
    """
    given = os.environ.get(ENVIRONMENT) or path
    if given is None or not Path(given).exists():
        raise DataError(
            f"{'csi.path is null' if given is None else f'{given} is missing'}: point csi.path or {ENVIRONMENT} to "
            f"CsiNet's archive or to a folder with {', '.join(MEMBERS.values())}, or take csi.source: sionna"
        )
    folder = Path(given) if Path(given).is_dir() else _unpacked(Path(given), cache_dir / "cost2100", archive_sha256)
    splits, found, first = {}, {}, 0
    for name, member in MEMBERS.items():
        file = folder / member
        rows = seeds.generator(root_seed, "csi", name).permutation(samples[name])[: counts[name]]
        splits[name] = Split(_rows(file, samples[name])[rows].reshape(-1, *STATE_SHAPE), rows.astype(np.int64) + first)
        found[member], first = file_digest(file, "sha256"), first + samples[name]
    return splits, found


def _unpacked(archive: Path, folder: Path, sha256: str) -> Path:
    """The folder with the archive's members; those that are there are not unpacked again."""
    missing = [member for member in MEMBERS.values() if not (folder / member).exists()]
    if missing and (found := file_digest(archive, "sha256")) != sha256:
        raise ChecksumError(str(archive), sha256, found, "Fetch it again.")
    for member in missing:
        try:
            with zipfile.ZipFile(archive) as opened:
                (entry,) = (info for info in opened.infolist() if Path(info.filename).name == member)
                with (
                    opened.open(entry) as source,
                    replacing(folder / member) as temporary,
                    temporary.open("wb") as sink,
                ):
                    shutil.copyfileobj(source, sink)  # a name in an archive decides nothing about where it goes
        except (zipfile.BadZipFile, ValueError, OSError) as error:
            raise DataError(f"{archive}: {member} cannot be read from it ({error})") from error
    return folder


def _rows(file: Path, count: int) -> npt.NDArray[np.float32]:
    """The array of a file, (count, 2048) float32 in [0, 1]."""
    if not file.exists():
        raise DataError(f"{file} is missing: csi.source cost2100 needs {', '.join(MEMBERS.values())}")
    try:
        described = {name: (shape, kind) for name, shape, kind in whosmat(file)}
        if described.get(VARIABLE) != ((count, _VALUES), "single"):
            raise DataError(
                f"{file}: must hold {VARIABLE}, single ({count}, {_VALUES}), not "
                f"{described.get(VARIABLE, 'nothing of that name')}"
            )
        array: npt.NDArray[np.float32] = loadmat(file, variable_names=[VARIABLE])[VARIABLE]
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise anything; each case means the same to the user
        raise DataError(f"{file} cannot be read as a MATLAB 5 file ({error})") from error
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise DataError(f"{file}: {VARIABLE} must lie in [0, 1], real and imaginary parts with 0.5 added")
    return array
