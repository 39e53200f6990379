"""The structure of a system's code as an artifact: the sets are the code's, and the record says what was searched."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.classify import classify
from semrobust.config.params import merge, validate
from tests.conftest import SMALL, raw_params
from tests.made import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, str]]:
    """A project, the working directory, with the structure of the first code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        made = Run(validate(merge(raw_params(), SMALL)))
        system = made.params.coded()[0]
        made.make(f"structure/{system}")
        yield made, system


def test_the_stored_sets_are_those_of_the_systems_code(run: tuple[Run, str]) -> None:
    made, system = run
    found = stored.load(made.path(f"structure/{system}"))
    code = made.system(system).soft_bits().decoder.code
    assert len(found.sets) > 0
    again = classify(code.parity_check, found.sets)
    assert np.array_equal(again.b, found.b)
    assert np.array_equal(again.absorbing, found.absorbing)
    assert all(0 <= bit < code.n for bit in found.channel_bits(code).nodes)
    assert found.scope["code"] == {"family": code.family, "n": code.n, "k": code.k, "nodes": code.nodes}


def test_the_record_says_what_was_found_and_what_was_searched(run: tuple[Run, str]) -> None:
    made, system = run
    details = made.record(f"structure/{system}")["details"]
    found = stored.load(made.path(f"structure/{system}"))
    assert details["girth"] == found.girth
    assert details["sets"] == len(found.sets)
    assert details["scope"] == found.scope
    assert details["spectrum"][0]["kind"] == "cycle"


def test_systems_without_a_code_have_no_structure(run: tuple[Run, str]) -> None:
    assert "deepjscc" not in run[0].params.coded()
