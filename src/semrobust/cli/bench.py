"""Verbs that measure speed on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from semrobust.cli import names
from semrobust.cli.base import load, params_files
from semrobust.pipeline.plan import Plan

if TYPE_CHECKING:
    from semrobust.config.params import Params


@click.group()
def bench() -> None:
    """Measure speed on this machine."""


@bench.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--scaling", is_flag=True, help="Speed over batch, length, cores, and the roofline, to --out.")
@click.option("--out", type=click.Path(path_type=Path), default="benchmarks", show_default=True)
def ldpc(as_json: bool, scaling: bool, out: Path) -> None:
    """Compare the LDPC decoder with pyldpc's and Sionna's on the same words: speed and block error rate."""
    if scaling:
        _scaling(out)
        return
    from semrobust.phy import bench as decoders

    measured = decoders.compare()
    click.echo(json.dumps(measured) if as_json else decoders.report(measured, decoders.factors()))


@bench.command("ldpc-attacks")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def ldpc_attacks(as_json: bool, files: tuple[Path, ...]) -> None:
    """Compare all attacks on bits on 64 all-zero words per SNR: mean attack power."""
    from semrobust.measure import bench_attacks

    measured = bench_attacks.measure(load(files), lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(measured))
        return
    click.echo(f"{'mean ||s||²':<22}" + "".join(f"{snr_db + ' dB':>10}" for snr_db in measured))
    for attack in next(iter(measured.values())):
        click.echo(f"{attack:<22}" + "".join(f"{powers[attack]:10.2f}" for powers in measured.values()))


@bench.command()
@click.argument("cases", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def instantons(cases: tuple[str, ...], as_json: bool, files: tuple[Path, ...]) -> None:
    """Search failing patterns of five codes and decoders, CASES of them, and what they need on 32 all-zero words."""
    from semrobust.measure import bench_instantons
    from semrobust.phy.bench import machine

    before = machine()
    for case in cases:
        if case not in bench_instantons.CASES:
            raise click.BadParameter(f"{case!r}: must be of {', '.join(bench_instantons.CASES)}")
    tell = (lambda line: click.echo(line, err=True)) if as_json else click.echo
    measured = bench_instantons.measure(load(files), cases or bench_instantons.CASES, tell)
    if as_json:
        click.echo(json.dumps({"cases": measured, "machine": before}, indent=1))


@bench.command()
@click.argument("system", shell_complete=names.systems)
@click.argument("attack", shell_complete=names.attacks)
@click.option("--images", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def power(system: str, attack: str, images: int, threads: int, as_json: bool, files: tuple[Path, ...]) -> None:
    """Time ATTACK on the trained SYSTEM, and extrapolate to 1,000 images at 11 SNRs."""
    from semrobust.measure import bench_power
    from semrobust.phy.bench import machine

    before = machine()
    measured = bench_power.measure(Plan.current(files), system, attack, images, threads)
    if as_json:
        click.echo(json.dumps(measured | {"machine": before}))
        return
    minutes = measured["minutes_for_1000_images_at_11_snrs"]
    click.echo(f"{measured['images']} images at {measured['snr_db']:g} dB: {measured['seconds']:.1f} s")
    click.echo(f"1,000 images at 11 SNRs: {minutes:.1f} minutes with {threads} threads")


def _scaling(out: Path) -> None:
    """Write timings of this machine as CSV, JSON, PDF and PNG."""
    from semrobust.figures import canvas, ldpc_speed
    from semrobust.phy.scaling import measure
    from semrobust.pipeline.files import digest, write_text

    table, summary = measure()
    summary["command"] = ["semrobust", *sys.argv[1:]]
    csv = out / "ldpc_speed.csv"
    write_text(csv, table.to_csv(index=False, float_format="%.6g"))
    write_text(csv.with_suffix(".json"), json.dumps(summary, indent=1) + "\n")
    with canvas.style({"context": "paper"}):
        figure = ldpc_speed.draw(table, summary)
        paths = canvas.write(figure, csv.with_suffix(".pdf"), "ldpc_speed", digest(summary), dpi=160)
    click.echo("\n".join(str(path) for path in (csv, csv.with_suffix(".json"), *paths)))


@bench.command()
@click.argument("system", default="deepjscc", shell_complete=names.systems)
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), help="Not that of the params; --rounds tries both.")
@click.option(
    "--rounds", type=click.IntRange(min=0), default=0, help="Compare with the first edition in so many rounds."
)
@click.option(
    "--beside", type=click.Path(path_type=Path), help="And with the network of a checkout, see the benchmark."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def training(
    system: str,
    steps: int,
    precision: str | None,
    rounds: int,
    beside: Path | None,
    as_json: bool,
    files: tuple[Path, ...],
) -> None:
    """Show where the training step of SYSTEM spends its time, or how fast it is beside that of the first edition.

    --beside takes a checkout of github.com/chunbaobao/Deep-JSCC-PyTorch, whose network is trained on the same images
    with as many channel uses.
    """
    from semrobust.training.bench import profile

    params = load(files)
    if rounds:
        from semrobust.training.bench_step import compare

        _race(lambda tell: compare(params, system, rounds, steps, beside, tell), params, system, as_json)
        return
    measured = profile(params, system, steps, precision)
    if as_json:
        click.echo(json.dumps(measured))
        return
    total = measured["forward"] + measured["backward"] + measured["optimizer"] + measured["other"]
    for part in ("forward", "backward", "optimizer", "other"):
        click.echo(f"{part:<10}{1000 * measured[part] / steps:8.2f} ms a step {measured[part] / total:7.1%}")
    click.echo(
        f"forward, backward and optimizer: {measured['share']:.1%}; {measured['images_per_second']:.0f} images/s"
    )


@bench.command()
@click.argument("system", default="deepjscc", shell_complete=names.systems)
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def gradients(system: str, steps: int, rounds: int, as_json: bool, files: tuple[Path, ...]) -> None:
    """Compare ways to make the step that attacks on SYSTEM repeat: its decoder, forward and backward."""
    from semrobust.measure.bench_gradient import compare

    params = load(files)
    _race(lambda tell: compare(params, system, rounds, steps, tell), params, system, as_json)


def _race(
    compare: Callable[[Callable[[str], None]], dict[str, Any]], params: Params, system: str, as_json: bool
) -> None:
    """Print what `pipeline.race` found, with the machine before it started."""
    import torch

    from semrobust.phy.bench import machine

    before = machine()
    ways = compare(lambda line: click.echo(line, err=True))
    if as_json:
        threads = params.compute.model_dump()
        facts = {"system": system, "torch": torch.__version__, "compute": threads, "machine": before}
        click.echo(json.dumps(facts | {"ways": ways}, indent=1))
        return
    for way, one in ways.items():
        low, high = one["ratio_range"]
        speed = f"{one['images_per_second']:8.0f} images/s" if "images_per_second" in one else ""
        text = f"{1e3 * one['seconds']:9.1f} ms{speed}  × {one['ratio']:.2f} [{low:.2f}, {high:.2f}]"
        click.echo(f"{way:<24}{text}  first step {one['first_step']:.1f} s")


@bench.command()
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def trainings(steps: int, as_json: bool, files: tuple[Path, ...]) -> None:
    """Measure what the trainings of all classifying systems take, in fp32 and bf16."""
    from semrobust.phy.bench import machine
    from semrobust.training.bench import recognition_hours

    before = machine()
    params = load(files)
    measured = recognition_hours(params, Plan.of(params, files), steps, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(measured | {"machine": before}) if as_json else f"together {measured['hours']:.1f} h")
