"""Files of a figure: same inputs, same bytes; one id in figure and record; settings that hold what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.errors import ArtifactError
from semrobust.figures import step
from semrobust.figures.canvas import read_id
from semrobust.pipeline import embedded, files, record, work
from semrobust.pipeline.plan import Artifact
from tests.conftest import ROOT, raw_params
from tests.figures import samples
from tests.figures.samples import PARAMS

CLEAN = "zhang2026_fig4_clean"
SUFFIXES = (".pdf", ".png")
SHOWS_ATTACKS = {
    "zhang2026_fig5_attack_power",
    "zhang2026_fig6_classical_ablation",
    "zhang2026_fig8_csi_attack_power",
    "zhang2026_fig9_csi_ablation",
    "extra_gallery",
}


def changed(**overlay: object) -> Params:
    return params.validate(params.merge(params.merge(raw_params(), samples._OVERLAY), overlay))


def make(name: str = CLEAN, of: Params = PARAMS) -> Artifact:
    """A figure from the working directory's tables."""
    plan = samples.plan(of)
    for needed in plan[f"figure/{name}"].needs:
        work.make(plan, needed)
    return work.make(plan, f"figure/{name}")


def published(name: str, suffix: str) -> Path:
    return Path(f"figures/{PARAMS.run}/{name}{suffix}")


def hashes(root: Path, names: Sequence[str]) -> dict[str, str]:
    return {f"{name}{end}": files.sha256(root / published(name, end)) for name in names for end in SUFFIXES}


@pytest.mark.slow
def test_same_inputs_same_bytes_everywhere(figures: Path, tmp_path: Path, tables: Path) -> None:
    """In another folder and process, under another style, after other figures: some of them."""
    for name in step.names():
        made = record.read(figures / published(name, ".json"))
        assert {read_id(figures / published(name, suffix)) for suffix in SUFFIXES} == {made["id"]}
    (tmp_path / "matplotlibrc").write_text("font.size: 31\nsavefig.bbox: tight\n")
    again = step.names()[::-9]
    code = f"from tests.figures.test_render import make\nfor name in {again}: make(name)"
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
    assert hashes(tmp_path, again) == hashes(figures, again)


@pytest.mark.slow
def test_the_record_inside_is_that_beside_it_but_for_what_differs_between_makings(figures: Path) -> None:
    for name in step.names():
        beside = record.read(figures / published(name, ".json"))
        for suffix in SUFFIXES:
            inside = embedded.extract((figures / published(name, suffix)).read_bytes())
            assert inside
            assert inside.problem is None
            own = {key: inside.record.pop(key) for key in ("file", "command", "digest")}
            assert (own["file"], own["command"]) == (f"{name}{suffix}", ["semrobust", "figure", name])
            assert inside.record == {key: beside[key] for key in inside.record}
            assert set(beside) - set(inside.record) == {
                "outputs", "plugins", "git", "packages", "python", "command", "details", "digest"
            }  # fmt: skip


@pytest.mark.slow
def test_the_record_names_tables_and_dataset(figures: Path) -> None:
    made = record.read(figures / published(CLEAN, ".json"))
    assert [address.rpartition("-")[0] for address in made["needs"]] == ["table/clean", "table/link_adaptation"]
    assert made["dataset"] == samples.DATASET
    assert made["settings"]["caption"]["title"] == "Quality without an attacker"


@pytest.mark.usefixtures("project")
def test_id_depends_on_content_not_on_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    identity = record.read(first.record)["id"]
    monkeypatch.setattr(record, "git_state", lambda _: {"commit": "f" * 40, "dirty": True})
    first.record.unlink()
    assert record.read(make().record)["id"] == identity
    table = samples.clean()
    table.loc[0, "ssim"] = 0.25
    monkeypatch.setitem(samples.TABLES, "clean", lambda: table)
    for artifact in (first, samples.plan()["table/clean"]):
        artifact.record.unlink()
    assert record.read(make().record)["id"] != identity


def keys(overlay: dict[str, Any]) -> set[str]:
    """Figures whose keys these params change."""
    before, after = samples.plan(), samples.plan(changed(**overlay))
    return {name for name in step.names() if before[f"figure/{name}"].key != after[f"figure/{name}"].key}


@pytest.mark.parametrize("overlay", [{"dpi": 90}, {"context": "talk"}, {"palette": "deep"}])
def test_all_figures_follow_the_plot_params(overlay: dict[str, object]) -> None:
    assert keys({"plot": overlay}) == set(step.names())


def test_a_label_changes_the_figures_that_show_it() -> None:
    assert keys({"attacks": {"pga": {"label": "another name"}}}) == SHOWS_ATTACKS
    of_systems = keys({"systems": {"deepjscc": {"label": "another name"}}})
    assert of_systems > {name for name in SHOWS_ATTACKS if "csi" not in name}
    assert not {name for name in of_systems if name.startswith("hu2022_")}
    assert keys({"evaluation": {"bootstrap_samples": 777}}) == set()  # what tables hold is in their keys alone


@pytest.mark.usefixtures("project")
def test_another_label_is_drawn() -> None:
    first = make().path(".png").read_bytes()
    assert make(of=changed(systems={"deepjscc": {"label": "another name"}})).path(".png").read_bytes() != first


@pytest.mark.usefixtures("project")
def test_an_altered_table_is_refused() -> None:
    path = samples.plan()["table/clean"].path()
    path.write_text(path.read_text().replace("12.5", "13.5"))
    with pytest.raises(ArtifactError, match=r"clean-\w+\.csv is not the file that was written"):
        make()
    assert not published(CLEAN, ".pdf").exists()


def test_read_id_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.4 nothing here")
    assert read_id(tmp_path / "other.pdf") is None
    with pytest.raises(ArtifactError, match=r"none\.png"):
        read_id(tmp_path / "none.png")


def test_names_are_found_without_importing_anything_heavy() -> None:
    code = (
        "import sys; from semrobust.pipeline.step import named; print(len(named('semrobust.figures', 'FIGURE')),"
        "[m for m in ('matplotlib', 'seaborn', 'pandas', 'torch', 'PIL', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{len(step.names())} []"


@pytest.mark.slow
def test_figures_know_nothing_of_torch(figures: Path) -> None:
    """All of them imported, and one drawn again from its recorded settings and tables."""
    code = (
        "import json, sys; from pathlib import Path; import pandas as pd\n"
        "from semrobust.figures import base, canvas, step\n"
        "for name in step.names(): step.figure(name)\n"
        f"folder, name = Path('figures/{PARAMS.run}'), '{CLEAN}'\n"
        "settings = json.loads((folder / f'{name}.json').read_text())['settings']\n"
        f"tables = {{of: pd.read_csv(f'data/{PARAMS.run}/results/{{of}}.csv') for of in step.figure(name).tables}}\n"
        "with canvas.style(settings['plot']):\n"
        "    step.figure(name).draw(base.FigureInputs(tables, None, settings, {}, 'r', '0'))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=figures)
