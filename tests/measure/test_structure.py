"""The structure of a system's code as an artifact: made, trusted, loaded by others, and counted in its table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.classify import classify
from semrobust.attacks.code.structure.sets import Structure
from semrobust.config import params
from semrobust.config.params import Params
from semrobust.errors import ArtifactError, UsageError
from semrobust.measure import structure
from semrobust.pipeline import jobs
from semrobust.pipeline import record as provenance
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.tables import tables
from semrobust.training import build
from tests.attacks.structure import samples
from tests.conftest import SMALL, raw_params

LAYOUT = Layout("small")
COMMAND = ["semrobust", "evaluate", "structure"]


def store_structure(of: Params, system: str) -> Structure:
    """Write the structure of a tiny code in the place of that of `system`."""
    tiny = analyse(samples.nr(), samples.settings(trapping_size=4, codeword_trials=50), 1)
    path = Layout(of.run).structure(system)
    stored.save(tiny, path)
    Making(jobs.structure(of, system), COMMAND).finish(path, [path])
    return tiny


def small(**changes: Any) -> Params:
    """Small params, changed."""
    return params.validate(params.merge(params.merge(raw_params(), SMALL), changes))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Params, str]]:
    """A project, the working directory, with the structure of the first code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        of = small()
        system = of.coded()[0]
        build.run(of, system, COMMAND)
        structure.run(of, system, COMMAND)
        yield of, system


def test_the_stored_sets_are_those_of_the_systems_code(finished: tuple[Params, str]) -> None:
    of, system = finished
    making = Making(jobs.structure(of, system), COMMAND)
    found = stored.load(of, system, making)
    code = getattr(restore(of, system, making), "code")  # noqa: B009  no attribute of every system
    assert len(found.sets) > 0
    again = classify(code.parity_check, found.sets)
    assert np.array_equal(again.b, found.b)
    assert np.array_equal(again.absorbing, found.absorbing)
    bits = found.channel_bits(code)
    assert all(0 <= bit < code.n for bit in bits.nodes)
    assert found.scope["code"] == {"family": code.family, "n": code.n, "k": code.k, "nodes": code.nodes}


def test_the_record_says_what_was_found_and_what_was_searched(finished: tuple[Params, str]) -> None:
    of, system = finished
    record = provenance.read(LAYOUT.structure(system))
    found = stored.load(of, system, Making(jobs.structure(of, system), COMMAND))
    assert record["details"]["girth"] == found.girth
    assert record["details"]["sets"] == len(found.sets)
    assert record["details"]["scope"] == found.scope
    assert record["details"]["spectrum"][0]["kind"] == "cycle"
    assert set(record["inputs"]) == {LAYOUT.model(system).as_posix()}


def test_a_structure_searched_otherwise_is_refused(finished: tuple[Params, str]) -> None:
    _, system = finished
    other = small(structure={"trapping_size": 5})
    with pytest.raises(ArtifactError, match=r"structure\.trapping_size \(was 4, now 5\)"):
        stored.load(other, system, Making(jobs.structure(other, system), COMMAND))


def test_systems_without_a_code_have_no_structure() -> None:
    of = small()
    assert "deepjscc" not in of.coded()
    with pytest.raises(UsageError, match=r"'deepjscc' is not the first .* or has no code to analyse"):
        jobs.structure(of, "deepjscc")


def test_the_table_counts_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    of = small()
    found = {system: store_structure(of, system) for system in of.coded()}
    table = pd.read_csv(tables.run(of, "code_structure", COMMAND))
    assert list(dict.fromkeys(table["system"])) == of.coded()
    assert (table["channel"] == "none").all()
    assert table[["snr_db", "n_images"]].isna().all().all()
    assert (table["run"] == "small").all()
    for system, one in found.items():
        rows = table[table["system"] == system]
        assert len(rows) == len(one.spectrum)
        assert set(rows["kind"]) == {"cycle", "trapping_set", "absorbing_set", "stopping_set", "codeword"}
        for (_, row), tally in zip(rows.iterrows(), one.spectrum, strict=True):
            assert (row["kind"], row["a"], row["count"], row["n_sets_kept"], row["complete"]) == (
                tally.kind, tally.a, tally.found, tally.kept, tally.complete,
            )  # fmt: skip
            assert row["b"] == tally.b if tally.b >= 0 else np.isnan(row["b"])
            assert row["weight"] == tally.weight if tally.weight >= 0 else np.isnan(row["weight"])
            assert (row["family"], row["n"], row["k"], row["girth"]) == ("nr", 120, 60, one.girth)
    record = provenance.read(LAYOUT.table("code_structure"))
    assert set(record["inputs"]) == {LAYOUT.structure(system).as_posix() for system in of.coded()}


def test_without_a_code_the_table_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    raw = params.merge(raw_params(), SMALL)
    raw["systems"] = {name: entry for name, entry in raw["systems"].items() if name == "deepjscc"}
    raw["attacks"] = {"pga": raw["attacks"]["pga"]}
    of = params.validate(raw)
    assert of.coded() == []
    assert pd.read_csv(tables.run(of, "code_structure", COMMAND)).empty
