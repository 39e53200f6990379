"""Perturbations on disk: a safetensors file with one tensor (images, N), float32, per SNR."""

from __future__ import annotations

VECTORS = ".safetensors"
"""End of the file's name."""


def at(snr_db: float) -> str:
    """Name of the perturbations at an SNR."""
    return f"snr_db={snr_db:g}"
