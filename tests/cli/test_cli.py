"""The command line: exit codes, one clear message per mistake, and no job under other params than planned."""

from __future__ import annotations

import errno
import json
import os
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from semrobust.config.params import Params
from semrobust.data import cifar10
from semrobust.pipeline import record
from semrobust.pipeline.plan import Plan
from tests.cli.conftest import Call, Write


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "bpg"),
            "the params ask for no 'train/bpg'; of this kind they ask for: deepjscc, deepjscc_noiseless",
        ),
        (("evaluate", "clean", "bpg"), "the params ask for no 'clean/bpg'"),
        (("train", "depjscc"), "the params ask for no 'train/depjscc' (did you mean 'deepjscc'?)"),
        (("attack", "depjscc", "pga"), "unknown system 'depjscc' (did you mean 'deepjscc'?); params have: deepjscc, "),
        (("attack", "deepjscc"), "name an attack, too; attacks that fit deepjscc: random, "),
        (("attack", "deepjscc", "pgd"), "unknown attack 'pgd' (did you mean 'pga'?); attacks that fit deepjscc: "),
        (
            ("attack", "jpeg_ldpc_qpsk", "pga"),
            "pga needs a receiver with gradient, which jpeg_ldpc_qpsk does not offer",
        ),
        (("attack", "jpeg_ldpc_qpsk", "random"), "systems.jpeg_ldpc_qpsk.attacks leaves random out: name it there"),
        (("evaluate", "table", "dirty"), "the params ask for no 'table/dirty'; of this kind they ask for: clean"),
        (("figure", "fig99"), "the params ask for no 'figure/fig99'; of this kind they ask for: extra_adaptive"),
        (("data", "--params", "none.yaml"), "none.yaml"),
        (("train",), "name one of: deepjscc, "),
        (("train", "deepjscc", "--fast"), "No such option"),
        (("dance",), "No such command 'dance'"),
        (("trian",), "No such command 'trian' (did you mean 'train'?)"),
        (("data", "--preset", "dmeo"), "'dmeo' is none of laptop."),
        (("evaluate", "dance"), "No such command 'dance'"),
        (("evaluate", "train", "deepjscc"), "No such command 'train'"),
    ],
)
def test_wrong_use_is_exit_code_2(call: Call, project: Path, arguments: tuple[str, ...], message: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert sorted(path.name for path in project.iterdir()) == ["params.yaml"]


VERBS = [("data",), ("train", "deepjscc"), ("evaluate", "clean", "deepjscc"), ("evaluate", "gallery"), ("budget",)]


@pytest.mark.parametrize("verb", VERBS)
def test_wrong_params_are_exit_code_2(
    call: Call, write: Write, small_raw: dict[str, Any], project: Path, verb: tuple[str, ...]
) -> None:
    small_raw["systems"]["deepjscc"]["training"]["epochs"] = 0
    small_raw["plot"]["colour"] = "red"
    write(small_raw)
    result = call(*verb)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "semrobust: invalid parameters in params.yaml:"
    assert lines[1].startswith("  systems.deepjscc.training.epochs: 0, ")
    assert lines[2] == "  plot.colour: 'red', unknown key"
    assert len(lines) == 3
    assert not (project / "data").exists()


@pytest.mark.parametrize(
    "verb",
    [
        ("data",),
        ("train", "deepjscc"),
        ("attack", "deepjscc", "pga"),
        ("evaluate", "clean", "deepjscc"),
        ("evaluate", "table", "clean"),
        ("evaluate", "gallery"),
        ("figure", "extra_gallery"),
    ],
)
def test_a_job_planned_with_other_params_is_refused(call: Call, project: Path, verb: tuple[str, ...]) -> None:
    result = call(*verb, "--key", "0" * 12)
    assert result.exit_code == 2
    assert "was planned with other params or code" in result.stderr
    assert "Start the workflow again" in result.stderr
    assert not (project / "data").exists()


def test_data_and_a_constructed_system(call: Call, small_params: Params) -> None:
    """The way of the workflow: the plan and its key are accepted, and the record names what a person would type."""
    assert call("plan").exit_code == 0
    plan = Plan.of(small_params)
    dataset, model = plan["dataset/photos10"], plan["train/jpeg_ldpc_qpsk"]
    assert call("data", "--plan", "data/small/plan", "--key", dataset.key).exit_code == 0
    made = record.read(dataset.record)
    assert made["command"] == ["semrobust", "data", "--params", "params.yaml"]
    assert all(path.exists() for path in dataset.paths)
    assert made["dataset"]["source"] == "photos10"
    counts = {name: split["count"] for name, split in made["dataset"]["splits"].items()}
    assert counts == {"train": 96, "validation": 20, "test": 24}
    assert call("train", "jpeg_ldpc_qpsk").exit_code == 0
    made = record.read(model.record)
    assert made["command"] == ["semrobust", "train", "jpeg_ldpc_qpsk", "--params", "params.yaml"]
    assert made["inputs"] == {}


@pytest.mark.parametrize("verb", [("train", "deepjscc"), ("evaluate", "clean", "deepjscc"), ("evaluate", "gallery")])
def test_a_missing_dataset_is_named(call: Call, small_params: Params, verb: tuple[str, ...]) -> None:
    result = call(*verb)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    path = Plan.of(small_params)["dataset/photos10"].path()
    assert line == f"semrobust: {path} is missing: run `snakemake --cores 2 {path}` first"


def test_a_missing_table_is_named(call: Call, small_params: Params) -> None:
    result = call("figure", "zhang2026_fig4_clean")
    assert result.exit_code == 1
    assert f"{Plan.of(small_params)['table/clean'].path()} is missing" in result.stderr


def test_a_dataset_of_other_params_is_not_taken(call: Call, write: Write, small_raw: dict[str, Any]) -> None:
    assert call("data").exit_code == 0
    small_raw["data"]["train_images"] = 64
    write(small_raw)
    result = call("train", "deepjscc")
    assert result.exit_code == 1
    assert "is missing" in result.stderr


def test_cifar10_without_network_names_three_ways(
    call: Call, write: Write, small_raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    closed = "http://127.0.0.1:9"  # the port 'discard', where nothing listens
    small_raw["data"] |= {
        "source": "cifar10",
        "mirrors": [f"{closed}/cifar-10-python.tar.gz"],
        "hub": [f"{closed}/train.parquet", f"{closed}/test.parquet"],
    }
    write(small_raw)
    result = call("data")
    assert result.exit_code == 1
    message = result.stderr
    assert "CIFAR-10 cannot be had:" in message
    assert f"{closed}/cifar-10-python.tar.gz" in message
    assert f"{closed}/train.parquet" in message
    ways = [line.strip() for line in message.splitlines() if line.strip()[:2] in ("1.", "2.", "3.")]
    assert len(ways) == 3
    assert cifar10.VARIABLE in ways[0]
    assert "data.mirrors" in ways[1]
    assert "data.hub" in ways[2]
    assert "photos10" in message
    assert "params/demo.yaml" in message
    assert waits  # it did try again before giving up
    assert not list(Path("data/small").rglob("*.npy"))
    assert not list(Path("data").rglob("*.npy"))  # photos10 did not take its place


def test_a_local_path_that_is_none_is_refused(
    call: Call, write: Write, small_raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_raw["data"] |= {"source": "cifar10", "path": "nowhere"}
    write(small_raw)
    result = call("data")
    assert result.exit_code == 1
    assert "data.path is nowhere, which does not exist" in result.stderr
    monkeypatch.setenv("SEMROBUST_CIFAR10", "/no/such/folder")
    assert "SEMROBUST_CIFAR10 (environment) is /no/such/folder" in call("data").stderr
    monkeypatch.setenv("SEMROBUST_CIFAR10", "~nosuchuser/x")
    for verb in ("data", "doctor"):
        result = call(verb)
        assert result.exit_code == 1
        assert "is ~nosuchuser/x, which cannot be looked at: " in result.output


def test_an_archive_that_was_cut_is_named(call: Call, write: Write, small_raw: dict[str, Any], project: Path) -> None:
    """click would say "Aborted!" to an EOFError, as to Ctrl-D."""
    cut = project / "cut.tar.gz"
    with tarfile.open(cut, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("test_batch"))
    cut.write_bytes(cut.read_bytes()[:60])
    small_raw["data"] |= {"source": "cifar10", "path": str(cut)}
    write(small_raw)
    result = call("data")
    assert result.exit_code == 1
    assert f"{cut}: not a readable tar archive" in result.stderr


def test_budget_prints_a_table_and_says_what_its_columns_are(call: Call) -> None:
    result = call("budget")
    assert result.exit_code == 0
    table, _, legend = result.stdout.partition("\n\n")
    header, *lines = table.splitlines()
    columns = header.split()
    assert [line.split()[0] for line in legend.splitlines()[: len(columns) - 1]] == columns[1:]
    assert [line.split()[0] for line in lines] == [
        "deepjscc",
        "deepjscc_noiseless",
        "hevc_ldpc_qpsk",
        "jpeg_ldpc_qpsk",
        "jpeg_ldpc_16qam",
    ]
    assert "0.0625" in lines[0]
    assert len({len(line) for line in (header, *lines)}) == 1


def test_budget_of_systems_that_name_classes(call: Call, write: Write, raw: dict[str, Any]) -> None:
    """Those with a fixed length have numbers, those as long as a file none, and error-free images none either."""
    write(raw)
    result = call("budget", "--json", "mae_vq", "jpeg_vit_full", "vit", "hevc_ldpc_qpsk")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    mae, jpeg, chain = said["systems"]
    assert (mae["system"], mae["real_uses"], mae["symbols"], mae["message_bits"]) == ("mae_vq", 144, 72, 288)
    assert mae["bandwidth_ratio"] == pytest.approx(2 * mae["cbr"], abs=1e-4)
    assert mae["coded_bits"] is None
    assert {key for key in jpeg if jpeg[key] is None} == set(said["columns"]) - {"system"}
    assert (chain["coded_bits"], chain["message_bits"], chain["source_bytes"]) == (768, 386, 44)
    assert said["send_nothing"] == ["vit"]
    assert call("budget", "bpg").exit_code == 2


def test_overlays_are_read_in_order(call: Call, project: Path) -> None:
    (project / "over.yaml").write_text("link: {real_uses: 192}\nsystems: {deepjscc: null}\n")
    result = call("budget", "--params", "params.yaml", "--params", "over.yaml")
    assert result.exit_code == 0
    assert "deepjscc_noiseless" in result.stdout
    assert result.stdout.count("192") >= 3
    assert call("train", "deepjscc", "--params", "params.yaml", "--params", "over.yaml").exit_code == 2


@pytest.mark.parametrize("bug", [RuntimeError("a bug"), EOFError("a bug")])
def test_a_bug_keeps_its_traceback(call: Call, monkeypatch: pytest.MonkeyPatch, bug: Exception) -> None:
    def broken(*_: object) -> None:
        raise bug

    monkeypatch.setattr("semrobust.cli.steps.planned", broken)
    with pytest.raises(RuntimeError) as raised:
        call("data")
    assert bug in (raised.value, raised.value.__cause__)


def test_a_full_disk_is_no_bug_wherever_it_shows(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """For example in a library's own cache, or in the log that standard output is."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/elsewhere/cache")

    monkeypatch.setattr("semrobust.cli.steps.planned", full)
    result = call("data")
    assert result.exit_code == 1
    assert result.stderr.startswith("semrobust: cannot write /elsewhere/cache: No space left on device. Free space")
