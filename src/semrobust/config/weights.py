"""Files of trained weights from elsewhere, as a setting: what stands in keys and records is their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, model_validator

from semrobust.config import plugins
from semrobust.config.settings import Settings, Sha256


class WeightsFile(Settings):
    """A file of weights. Params give its path, `weights/mine.safetensors`, or path and `sha256` to insist on one.

    The path is relative to the project's folder; `MODULE:PATH` is relative to the package of a plug-in. Params refuse a
    file that is not there, or is not that of the digest. `systems.weights.load_weights` reads it.
    """

    path: str
    sha256: Sha256

    @model_validator(mode="before")
    @classmethod
    def _digested(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return {"path": value, "sha256": _sha256(_file(value))}
        except OSError as error:
            raise ValueError(f"must be a file of weights: {error.strerror} ({_file(value)})") from error

    @property
    def file(self) -> Path:
        """Where it lies here."""
        return _file(self.path)

    def problem(self) -> str | None:
        """What is wrong with the file as it lies here, None if it is the one of the digest."""
        try:
            found = _sha256(self.file)
        except OSError as error:
            return f"path: {self.path!r}, must be a file of weights: {error.strerror}"
        return None if found == self.sha256 else f"sha256: {self.sha256!r}, but {self.file} has {found}"


def weights_in(settings: BaseModel, path: str) -> Iterator[tuple[str, WeightsFile]]:
    """Every file of weights that settings name, with the path of its key; `path` is that of the settings."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, WeightsFile):
            yield f"{path}.{name}", value
        elif isinstance(value, BaseModel):
            yield from weights_in(value, f"{path}.{name}")


def _file(path: str) -> Path:
    module, colon, rest = path.partition(":")
    plugin = plugins.owner(module) if colon else None
    return Path(path) if plugin is None else plugin.place / rest


def _sha256(path: Path) -> str:
    state = path.stat()
    return _hashed(path, state.st_mtime_ns, state.st_size)


@cache
def _hashed(path: Path, changed: int, size: int) -> str:
    """Hashed once for one content: params are validated more than once."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
