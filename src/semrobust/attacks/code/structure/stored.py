"""The stored structure of a system's code: a safetensors file whose record says what made it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from semrobust.attacks.code.structure.sets import Structure
from semrobust.config.params import Params
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making


def save(structure: Structure, path: Path) -> None:
    """Write the arrays of a structure atomically."""
    arrays = {name: np.ascontiguousarray(array) for name, array in structure.to_arrays().items()}
    with files.replacing(path) as temporary:
        save_file(arrays, temporary)


def load(params: Params, system: str, making: Making) -> Structure:
    """Load the structure of the code of `system` as an input of `making`.

    Raises UsageError for a system that has none, and ArtifactError for one that other params or other code made, or
    whose bytes changed.
    """
    path = making.uses(Layout(params.run).structure(system), jobs.structure(params, system))
    return Structure.from_arrays(load_file(path))
