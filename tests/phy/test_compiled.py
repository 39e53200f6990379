"""Kernels where numba finds no place for its cache, and where a debugger turned it off."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from numba.core.caching import CacheImpl

from semrobust.phy.compiled import compiled


def twice(x: int) -> int:
    return 2 * x


def test_without_a_place_for_its_cache_a_kernel_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    assert compiled(nogil=True)(twice)(4) == 8


@pytest.mark.slow
def test_words_are_decoded_where_a_debugger_turned_numba_off() -> None:
    script = (
        "import numpy as np, torch; from semrobust.phy import decoder, ldpc;"
        "code = ldpc.LdpcCode.from_parity_check(np.array([[1, 1, 0], [0, 1, 1]], np.uint8));"
        "print(decoder.Decoder(code).decode(torch.tensor([[-1.0, -9.0, 2.0]])).llr.sign().tolist())"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[[-1.0, -1.0, -1.0]]\n"
