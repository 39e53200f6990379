"""How a system or an attack reads trained weights from elsewhere."""

from __future__ import annotations

import hashlib
import io
import pickle

import safetensors.torch
import torch
from safetensors import SafetensorError

from semrobust.config.weights import WeightsFile
from semrobust.errors import ArtifactError, ChecksumError
from semrobust.systems.base import State


def load_weights(given: WeightsFile) -> State:
    """Tensors by name of a safetensors file or, by its end `.pt` or `.pth`, of a state dict that torch saved.

    Nothing is unpickled but tensors. Raises ChecksumError if the file is not the one that the params were read with,
    ArtifactError if it cannot be read.
    """
    try:
        content = given.file.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{given.file} cannot be read: {error.strerror}. Put the file of weights there") from error
    found = hashlib.sha256(content).hexdigest()
    if found != given.sha256:
        remedy = "Put back the file that the params were read with, or start the workflow again with this one"
        raise ChecksumError(str(given.file), given.sha256, found, remedy)
    try:
        if given.file.suffix not in (".pt", ".pth"):
            return safetensors.torch.load(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ArtifactError(f"{given.file} holds no weights that can be read: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ArtifactError(f"{given.file} must be a state dict: tensors by name, and nothing else")
    return {str(name): tensor for name, tensor in state.items()}
