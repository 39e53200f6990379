"""Files of a figure: same inputs, same bytes; one id in figure and record; nothing drawn from altered inputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.errors import ArtifactError, UsageError
from semrobust.figures import render
from semrobust.figures.canvas import read_id
from semrobust.pipeline import embedded
from semrobust.pipeline import record as provenance
from semrobust.pipeline.layout import Layout
from tests.figures import samples
from tests.figures.samples import COMMAND, PARAMS, REPOSITORY

CLEAN = "zhang2026_fig4_clean"


def changed(**overlay: object) -> Params:
    return params.validate(params.merge(params.read_yaml(REPOSITORY / "params.yaml"), overlay))


def make(name: str = CLEAN, of: Params = PARAMS) -> str:
    """Render and return the id of the record."""
    return str(provenance.read(render.run(of, name, COMMAND))["id"])


def files_of(name: str) -> dict[str, bytes]:
    return {suffix: Layout(PARAMS.run).figure(name, suffix).read_bytes() for suffix in (".pdf", ".png")}


def test_same_inputs_same_bytes_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another folder and process, under another style, after other figures."""
    identities = {name: make(name) for name in FIGURES}
    first = {name: files_of(name) for name in FIGURES}
    for name, identity in identities.items():
        assert {read_id(Layout(PARAMS.run).figure(name, suffix)) for suffix in first[name]} == {identity}
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "data", elsewhere / "data")
    (elsewhere / "matplotlibrc").write_text("font.size: 31\nsavefig.bbox: tight\n")
    monkeypatch.chdir(elsewhere)
    code = f"from tests.figures.test_render import make\nfor name in {list(FIGURES)[::-1]}: make(name)"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [name for name in FIGURES if files_of(name) != first[name]] == []


def test_record_names_inputs_outputs_and_dataset() -> None:
    output = render.run(PARAMS, CLEAN, COMMAND)
    record = provenance.read(output)
    assert output == Path("figures/laptop/zhang2026_fig4_clean.pdf")
    assert set(record["inputs"]) == {f"data/laptop/results/{table}.csv" for table in ("clean", "link_adaptation")}
    assert set(record["outputs"]) == {output.as_posix(), output.with_suffix(".png").as_posix()}
    assert record["dataset"] == samples.DATASET
    assert record["command"] == COMMAND
    provenance.verify(output, record)
    assert sorted(path.name for path in output.parent.iterdir()) == [
        f"{CLEAN}{end}" for end in (".json", ".pdf", ".png")
    ]


def test_the_record_inside_is_that_beside_it_but_for_what_differs_between_makings() -> None:
    output = render.run(PARAMS, CLEAN, COMMAND)
    record = provenance.read(output)
    for path in (output, output.with_suffix(".png")):
        inside = embedded.extract(path.read_bytes())
        assert inside is not None
        assert inside.problem is None
        own = {key: inside.record.pop(key) for key in ("file", "command", "picture", "digest")}
        assert (own["file"], own["command"]) == (path.as_posix(), ["semrobust", "figure", CLEAN])
        assert inside.record == {key: record[key] for key in inside.record}
        assert set(record) - set(inside.record) == {
            "outputs", "git", "packages", "python", "command", "details", "digest"
        }  # fmt: skip


def test_id_depends_on_content_not_on_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = make()
    monkeypatch.setattr(provenance, "git_state", lambda: {"commit": "f" * 40, "dirty": True})
    assert make() == identity
    table = samples.clean()
    table.loc[0, "ssim"] = 0.25
    samples.write_table("clean", table)
    assert make() != identity


@pytest.mark.parametrize(
    "overlay",
    [
        {"plot": {"dpi": 90}},
        {"plot": {"context": "talk"}},
        {"plot": {"palette": "deep"}},
        {"systems": {"deepjscc": {"label": "another name"}}},
    ],
)
def test_id_and_bytes_follow_plot_params(overlay: dict[str, object]) -> None:
    identity = make()
    first = files_of(CLEAN)
    assert make(of=changed(**overlay)) != identity
    assert all(files_of(CLEAN)[suffix] != first[suffix] for suffix in first)


def test_an_altered_table_is_refused() -> None:
    path = Layout(PARAMS.run).table("clean")
    path.write_text(path.read_text().replace("12.5", "13.5"))
    with pytest.raises(ArtifactError, match=r"clean\.csv is not the file that was written"):
        make()
    assert not Layout(PARAMS.run).figure(CLEAN).exists()


def test_a_table_made_with_other_params_is_refused() -> None:
    with pytest.raises(ArtifactError, match="success_psnr_db"):
        make(of=changed(evaluation={"success_psnr_db": 14.0}))


def test_unknown_figure() -> None:
    with pytest.raises(UsageError, match="extra_gallery"):
        make("fig99")


def test_read_id_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.4 nothing here")
    assert read_id(tmp_path / "other.pdf") is None
    with pytest.raises(ArtifactError, match=r"none\.png"):
        read_id(tmp_path / "none.png")


def test_the_registry_imports_nothing_heavy() -> None:
    code = (
        "import sys; from semrobust.config.registry import FIGURES; assert len(list(FIGURES)) >= 4;"
        "print([m for m in ('matplotlib', 'seaborn', 'pandas', 'torch', 'PIL', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_never_needs_torch() -> None:
    code = (
        "import sys; from semrobust.viz import base, canvas; "
        "from semrobust.config.registry import FIGURES; from pathlib import Path; import pandas as pd\n"
        "settings = {'plot': {'context': 'paper', 'palette': 'colorblind', 'dpi': 50}, 'success_psnr_db': 15.0,"
        "'labels': {'systems': {'deepjscc': 'A'}, 'studies': {}, 'attacks': {}}, 'rungs': {}}\n"
        "names = ('clean', 'link_adaptation')\n"
        "tables = {name: pd.read_csv(f'data/laptop/results/{name}.csv') for name in names}\n"
        "with canvas.style(settings['plot']):\n"
        "    FIGURES['zhang2026_fig4_clean'].draw(base.FigureInputs(tables, None, settings, {}, 'r', '0'))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
