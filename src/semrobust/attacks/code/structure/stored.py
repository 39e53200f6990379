"""The stored structure of a code: a safetensors file of its arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from semrobust.attacks.code.structure.sets import Structure


def save(structure: Structure, path: Path) -> None:
    """Write the arrays of a structure."""
    save_file({name: np.ascontiguousarray(array) for name, array in structure.to_arrays().items()}, path)


def load(path: Path) -> Structure:
    """Read a structure; inverse of `save`."""
    return Structure.from_arrays(load_file(path))
