"""The (155, 64, 20) code of Tanner, Sridhara and Fuja (ISCTA 2001), on which instantons were first searched."""

from __future__ import annotations

import numpy as np

from semrobust.phy.ldpc import Bits, LdpcCode


def tanner_matrix() -> Bits:
    """H uint8 (93, 155): 3 times 5 blocks of the 31×31 identity, its columns shifted by 5^row·2^column mod 31."""
    shifts = [[5**row * 2**column % 31 for column in range(5)] for row in range(3)]
    unit = np.eye(31, dtype=np.uint8)
    return np.block([[np.roll(unit, shift, axis=1) for shift in row] for row in shifts])


def tanner_code() -> LdpcCode:
    """The code of `tanner_matrix`: n = 155, k = 64, minimum distance 20. Its odd length goes over BPSK."""
    return LdpcCode.from_parity_check(tanner_matrix(), "tanner")
