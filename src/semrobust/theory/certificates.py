"""Which systems have a decoder with a certified Lipschitz constant."""

from __future__ import annotations

from semrobust.systems.base import System
from semrobust.theory.bounds import Certified
from semrobust.theory.operator_norm import certified


def certificate(system: System) -> Certified | None:
    """Lipschitz constant of the reconstruction as a function of what it receives, or None where we know none.

    Seconds to a minute: dense eigenvalue problems of the size of the layers' feature maps.
    """
    layers = system.decoder_layers()
    try:
        return None if layers is None else certified(*layers)
    except TypeError:  # a layer that has no bound
        return None
