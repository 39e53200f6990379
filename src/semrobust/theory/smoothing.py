"""Randomized smoothing by the channel's own noise (Cohen, Rosenfeld, Kolter 2019): another attacker than elsewhere.

The attacker here does not know the noise w: he chooses s by the codeword z, and the channel draws w ~ N(0, σ²1) behind
his back. If the image survives without an attack with probability at least p > 1/2, then under every s with

    ||s||² < σ² Φ⁻¹(p)²

it survives more often than not: by the lemma of Neyman and Pearson no s of that length can do worse to any receiver.
Nothing is asked of the receiver. p is a lower confidence limit from draws of the channel (Clopper, Pearson 1934), so
the statement is wrong for at most the share 1 - `confidence` of images.
"""

from __future__ import annotations

from scipy import stats


def certified_power(survived: int, draws: int, noise_variance: float, confidence: float) -> float:
    """||s||² below which the image survives more often than not; 0 where `survived` of `draws` do not show it.

    ValueError for counts that cannot be.
    """
    if not (0 <= survived <= draws and draws > 0 and 0 < confidence < 1):
        raise ValueError(f"{survived} of {draws} draws at confidence {confidence}: no such sample")
    low = float(stats.binomtest(survived, draws, alternative="greater").proportion_ci(confidence, "exact").low)
    return noise_variance * float(stats.norm.ppf(low)) ** 2 if low > 0.5 else 0.0
