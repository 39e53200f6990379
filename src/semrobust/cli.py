"""The command line: one verb per rule of the workflow. Heavy modules are imported inside the verbs.

Exit codes: 0 done, 1 a result or an input fails a check, 2 wrong use or wrong params.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from semrobust.core import jobs, outputs
from semrobust.core.errors import SemrobustError, UsageError
from semrobust.core.jobs import Job
from semrobust.core.params import Params, load
from semrobust.core.registry import ATTACKS

Verb = Callable[..., None]


class _Group(click.Group):
    """Turns our errors into one message and their exit code; anything else keeps its traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SemrobustError as error:
            click.echo(f"semrobust: {error}", err=True)
            context.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="semrobust")
def main() -> None:
    """Measure how robust semantic communication really is.

    Run in the project's root. The workflow (`snakemake --cores 2 all`) calls these verbs; each can be called by hand.
    """


_files = click.option(
    "--params",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    default=[Path("params.yaml")],
    show_default=True,
    help="Params file; repeat it to overlay.",
)


def _params(verb: Verb) -> Verb:
    """Add --params and --key, which every verb that is a rule takes."""
    key = "Refuse to run if the job's settings and code have not this digest (the workflow gives it)."
    return click.option("--key", help=key)(_files(verb))


def _checked(files: tuple[Path, ...], key: str | None, job: Callable[[Params], Job]) -> tuple[Params, list[str]]:
    """Load the params and check that the job is the one the workflow planned; returns them and the command line."""
    params = load(files)
    planned = job(params)
    if key is not None and key != planned.key:
        raise UsageError(
            f"the {planned.kind} job '{planned.name}' was planned with other params or code: a file changed while the "
            "workflow was running. Start the workflow again."
        )
    command = ["semrobust", *(argument for argument in sys.argv[1:] if key is None or argument not in ("--key", key))]
    return params, command


@main.command()
@_params
def data(files: tuple[Path, ...], key: str | None) -> None:
    """Fetch and check the images, and split them."""
    params, command = _checked(files, key, jobs.dataset)
    from semrobust.data import stage

    stage.run(params, command)


@main.command()
@click.argument("system")
@_params
def train(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Train SYSTEM, or construct it if it does not learn. Goes on where an interrupted training stopped."""
    params, command = _checked(files, key, lambda params: jobs.model(params, system))
    if params.task(system) == "image" and params.systems[system].starts_from is not None:
        from semrobust.training import build_surrogate

        build_surrogate.run(params, system, command)
    elif params.task(system) == "image":
        from semrobust.training import build

        build.run(params, system, command)
    else:
        from semrobust.training import build_recognition

        build_recognition.run(params, system, command)


@main.command()
@click.argument("system")
@click.argument("attack")
@_params
def attack(system: str, attack: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the least power at which ATTACK ruins images sent by SYSTEM, over all SNRs."""
    params, command = _checked(files, key, lambda params: jobs.attack(params, system, attack))
    if ATTACKS[params.attacks[attack].kind].transfers:
        from semrobust.evaluation import transferred

        transferred.run(params, system, attack, command)
    else:
        from semrobust.evaluation import attacked

        attacked.run(params, system, attack, command)


@main.command()
@click.argument("system")
@_params
def noise(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Make semantic noise on the test images against SYSTEM, which names classes."""
    params, command = _checked(files, key, lambda params: jobs.noise(params, system))
    from semrobust.evaluation import noise as evaluation

    evaluation.run(params, system, command)


@main.group()
def evaluate() -> None:
    """Measure quality, and turn per-image results into tables."""


@evaluate.command()
@click.argument("system")
@_params
def clean(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure every test image sent by SYSTEM over all SNRs, without an attacker."""
    params, command = _checked(files, key, lambda params: jobs.clean(params, system))
    from semrobust.evaluation import clean as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system")
@_params
def fading(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure test images sent by SYSTEM over every channel and SNR, without an attacker."""
    params, command = _checked(files, key, lambda params: jobs.fading(params, system))
    from semrobust.evaluation import fading as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system")
@_params
def accuracy(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure how often SYSTEM names the right class, over channels, SNRs and semantic noise."""
    params, command = _checked(files, key, lambda params: jobs.accuracy(params, system))
    from semrobust.evaluation import recognition as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system")
@_params
def structure(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the LDPC code of SYSTEM for short cycles, trapping sets and codewords of low weight."""
    params, command = _checked(files, key, lambda params: jobs.structure(params, system))
    from semrobust.evaluation import structure as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system")
@_params
def limits(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Compare the attacks on SYSTEM with theory: slopes of its receiver, or decision boundaries of its code."""
    params, command = _checked(files, key, lambda params: jobs.limits(params, system))
    from semrobust.evaluation import limits as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system")
@_params
def criteria(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the least power that ruins images sent by SYSTEM under every criterion of ruin."""
    params, command = _checked(files, key, lambda params: jobs.criteria(params, system))
    from semrobust.evaluation import criteria as evaluation

    evaluation.run(params, system, command)


@evaluate.command(help=f"Make the result TABLE: {', '.join(outputs.TABLES)}.")
@click.argument("table")
@_params
def table(table: str, files: tuple[Path, ...], key: str | None) -> None:
    """Make one result table."""
    params, command = _checked(files, key, lambda params: outputs.table(params, table))
    importlib.import_module(f"semrobust.evaluation.{outputs.MODULES[table]}").run(params, table, command)


@evaluate.command()
@_params
def gallery(files: tuple[Path, ...], key: str | None) -> None:
    """Decode a few images under rising attack power, for the gallery figure."""
    params, command = _checked(files, key, jobs.gallery)
    from semrobust.evaluation import gallery as pictures

    pictures.run(params, command)


@main.command()
@click.argument("figure")
@_params
def figure(figure: str, files: tuple[Path, ...], key: str | None) -> None:
    """Draw FIGURE as PDF and PNG, with the record of where it came from."""
    params, command = _checked(files, key, lambda params: outputs.figure(params, figure))
    from semrobust.viz import render

    render.run(params, figure, command)


@main.command()
@_files
def compare(files: tuple[Path, ...]) -> None:
    """Say of each claim of the two papers whether it holds in this run, and by which rule."""
    from semrobust.evaluation import paper_vs_ours

    click.echo(paper_vs_ours.report(paper_vs_ours.read(load(files))))


@main.command()
@_files
def budget(files: tuple[Path, ...]) -> None:
    """Print bits, symbols, CBR and bandwidth ratio of each system, from its real shapes."""
    from semrobust.systems import budget as budgets

    click.echo(budgets.table(load(files)))


@main.group()
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
@_files
def ldpc_attacks(as_json: bool, files: tuple[Path, ...]) -> None:
    """Compare all attacks on bits on 64 all-zero words per SNR: mean attack power."""
    from semrobust.evaluation import bench_attacks

    measured = bench_attacks.measure(load(files), lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(measured))
        return
    click.echo(f"{'mean ||s||²':<22}" + "".join(f"{snr_db + ' dB':>10}" for snr_db in measured))
    for attack in next(iter(measured.values())):
        click.echo(f"{attack:<22}" + "".join(f"{powers[attack]:10.2f}" for powers in measured.values()))


@bench.command()
@click.argument("system")
@click.argument("attack")
@click.option("--images", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_files
def power(system: str, attack: str, images: int, threads: int, as_json: bool, files: tuple[Path, ...]) -> None:
    """Time ATTACK on the trained SYSTEM, and extrapolate to 1,000 images at 11 SNRs."""
    from semrobust.evaluation import bench_power
    from semrobust.phy.bench import machine

    before = machine()
    measured = bench_power.measure(load(files), system, attack, images, threads)
    if as_json:
        click.echo(json.dumps(measured | {"machine": before}))
        return
    minutes = measured["minutes_for_1000_images_at_11_snrs"]
    click.echo(f"{measured['images']} images at {measured['snr_db']:g} dB: {measured['seconds']:.1f} s")
    click.echo(f"1,000 images at 11 SNRs: {minutes:.1f} minutes with {threads} threads")


def _scaling(out: Path) -> None:
    """Write timings of this machine as CSV, JSON, PDF and PNG."""
    from semrobust.core.files import digest, write_text
    from semrobust.phy.scaling import measure
    from semrobust.viz import canvas, ldpc_speed

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
@click.argument("system", default="deepjscc")
@click.option("--steps", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), help="Instead of that of the params.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_files
def training(system: str, steps: int, precision: str | None, as_json: bool, files: tuple[Path, ...]) -> None:
    """Show where the training step of SYSTEM spends its time."""
    from semrobust.training.bench import profile

    measured = profile(load(files), system, steps, precision)
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
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_files
def trainings(steps: int, as_json: bool, files: tuple[Path, ...]) -> None:
    """Measure what the trainings of all systems that name classes take, in fp32 and bf16."""
    from semrobust.phy.bench import machine
    from semrobust.training.bench import recognition_hours

    before = machine()
    measured = recognition_hours(load(files), steps, lambda line: click.echo(line, err=True))
    click.echo(json.dumps(measured | {"machine": before}) if as_json else f"together {measured['hours']:.1f} h")
