"""The ranking of a run's systems, and the submissions that improve it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from semrobust.cli import names
from semrobust.cli.base import columns, load, params_files
from semrobust.cli.reports import published
from semrobust.errors import ArtifactError, UsageError
from semrobust.pipeline import work
from semrobust.pipeline.numbers import number
from semrobust.pipeline.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

    from semrobust.config.params import Params
    from semrobust.measure.verification import Bench


@click.command()
@click.option(
    "--by", type=click.Choice(["power", "clean"]), default="power", show_default=True, help="What to sort by."
)
@click.option("--snr-db", type=float, help="One of the run's SNRs; the highest by default.")
@click.option("--verify", "again", is_flag=True, help="Decode the stored vectors again; needs samples and networks.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@params_files
def rank(by: str, snr_db: float | None, again: bool, as_json: bool, as_csv: bool, files: tuple[Path, ...]) -> None:
    """Sort the systems of a run by the attack power that breaks them, or by their clean quality.

    Reads the published tables clean.csv and attack_power.csv, so a clone of the project is enough. With --verify, the
    cheapest stored vector of each image is decoded again.
    """
    import pandas as pd

    from semrobust.tables.ranking import STATISTIC, ranking, shown

    if as_csv and as_json:
        raise UsageError("--csv and --json: choose one")
    params = load(files)
    plan = Plan.current(files)
    (clean, earlier), (power, _) = (published(plan, name) for name in ("clean", "attack_power"))
    if earlier:
        click.echo(f"semrobust: {earlier}", err=True)
    powers = pd.read_csv(power)
    known = sorted(set(powers["snr_db"]))
    snr_db = known[-1] if snr_db is None else snr_db
    if snr_db not in known:
        raise UsageError(f"--snr-db {snr_db:g}: the run has {', '.join(f'{snr:g}' for snr in known)}")
    found = ranking(params, pd.read_csv(clean), powers, snr_db, by)
    if again:
        found["verified"] = _verified(plan, params, list(found["system"]), snr_db)
    said = [f"run {params.run}, {params.data.source}, {snr_db:g} dB, N = {params.link.real_uses}", STATISTIC]
    if params.data.source == "photos10":
        said.insert(0, "ten photographs in place of a data set: a trial of the pipeline, no result about the papers")
    if as_csv:
        click.echo(found.to_csv(index=False), nl=False)
    elif as_json:
        rows = json.loads(found.to_json(orient="records"))
        click.echo(json.dumps({"said": said, "by": by, "snr_db": snr_db, "systems": rows}, indent=1))
    else:
        click.echo("\n".join([*said, ""]))
        columns(shown(found))
        if not again:
            click.echo("\n`semrobust rank --verify` decodes the vectors behind these numbers again.")


def _verified(plan: Plan, params: Params, systems: list[str], snr_db: float) -> list[str]:
    """Per system: so many of the images that are called broken are when their cheapest vector is decoded again."""
    from semrobust.measure.verification import Bench, again

    counts = [again(Bench.of(plan, params, system), plan, snr_db) for system in systems]
    return [f"{same} of {broken}" for same, broken in counts]


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
@click.pass_context
def verify(context: click.Context, file: Path, as_json: bool, files: tuple[Path, ...]) -> None:
    """Decode the vectors of the submission FILE again (its JSON; the safetensors file lies beside it).

    Says per SNR what is claimed, what was found, and what the run knows. No number of the file is believed. Exit code 1
    if the claim does not hold here, 2 if the file is malformed. Writes nothing.
    """
    from semrobust.measure import submission as submissions
    from semrobust.measure import verification

    params = load(files)
    plan = Plan.current(files)
    sent, vectors = submissions.read(file)
    if sent.against.run != params.run:
        raise UsageError(f"{file} is about the run '{sent.against.run}', not '{params.run}': give its --params")
    bench = verification.Bench.of(plan, params, sent.against.system)
    if differences := bench.differences(sent):
        found, verdict = None, "not decoded: the vectors were made against something else than what is here"
    else:
        rows = bench.decoded(vectors, sent.images)
        found = verification.judged(sent, rows).merge(_known(plan, bench, rows), on="snr_db")
        verdict = _verdict(found)
    holds = found is not None and bool(found["holds"].all())
    if as_json:
        rows_by_snr = [] if found is None else json.loads(found.to_json(orient="records"))
        said = {"holds": holds, "verdict": verdict, "differences": differences, "snr_db": rows_by_snr}
        click.echo(json.dumps(said, indent=1))
    else:
        click.echo(f"{sent.title}, by {sent.author}, {sent.date}: against {sent.against.system}")
        for difference in differences:
            click.echo(difference)
        if found is not None:
            _print(found)
        click.echo(verdict)
    context.exit(0 if holds else 1)


def _known(plan: Plan, bench: Bench, rows: pd.DataFrame) -> pd.DataFrame:
    """What the run knows of the same images: from its samples or, where these are not here, from its table alone."""
    import pandas as pd

    from semrobust.measure.verification import attacks_on
    from semrobust.tables.attacks import BEST_OF
    from semrobust.tables.ranking import improvement

    system = bench.against["system"]
    attacks = attacks_on(plan, system)
    if all(map(work.is_made, attacks)):
        known = {each.name: pd.read_parquet(work.finished(plan, each.address).path()) for each in attacks}
        return improvement(rows, known)
    try:
        table = pd.read_csv(published(plan, "attack_power")[0])
    except ArtifactError:
        table = pd.DataFrame(columns=["system", "attack", "snr_db", "power_total_mean"])
    whole = rows["image"].nunique() == len(bench.images)
    table = table[(table["system"] == system) & (table["attack"] == BEST_OF)].set_index("snr_db")["power_total_mean"]
    snrs = sorted(rows["snr_db"].unique())
    values = [table.get(snr_db, float("nan")) if whole else float("nan") for snr_db in snrs]
    return pd.DataFrame({"snr_db": snrs, "known_power_total_mean": values})


def _verdict(found: pd.DataFrame) -> str:
    """One line."""
    if not found["holds"].all():
        wrong = found[~found["holds"]].iloc[0]
        why = (
            f"{wrong['empty']} images have a vector of zeros, and noise alone does not break them"
            if wrong["empty"]
            else f"{wrong['broken']} images broken at mean ||s||² {wrong['power_total_mean']:.6g}, claimed "
            f"{wrong['claimed_broken']} at {wrong['claimed_power_total_mean']:.6g}"
        )
        return f"The claim does not hold at {wrong['snr_db']:g} dB: {why}."
    if "better" in found:
        better = int((found["better"] > 0).sum())
        return f"The claim holds. It improves what the run knows at {better} of {len(found)} SNRs."
    if found["known_power_total_mean"].isna().all():
        return "The claim holds. What the run knows of these images stands in its samples: `dvc pull` brings them."
    lower = int((found["power_total_mean"] < found["known_power_total_mean"]).sum())
    return (
        f"The claim holds. Its mean is below the run's at {lower} of {len(found)} SNRs. On how many images it is "
        "better stands in the run's samples: `dvc pull` brings them."
    )


def _print(found: pd.DataFrame) -> None:
    """One line per SNR."""
    heads = {
        "snr_db": "SNR (dB)", "n_images": "images", "claimed_broken": "claimed broken", "broken": "broken",
        "claimed_power_total_mean": "claimed mean ||s||²", "power_total_mean": "mean ||s||²",
        "known_power_total_mean": "known", "better": "better on", "new_power_total_mean": "new",
    }  # fmt: skip
    shown = [column for column in heads if column in found]
    rows = [[number(float(value)) for value in row] for row in found[shown].itertuples(index=False)]
    columns([[heads[column] for column in shown], *rows])


@click.command()
@click.argument("system", shell_complete=names.systems)
@click.argument("vectors", metavar="VECTORS", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON file to write.")
@click.option("--title", required=True, help="One line.")
@click.option("--author", required=True, help="Who is to be named.")
@click.option("--method", required=True, help="How the vectors were found, in a few sentences.")
@click.option("--link", "links", multiple=True, help="Paper or code; repeat it for several.")
@click.option("--images", help="Numbers of the test images, 0,3,7; by default the first ones, one per row.")
@params_files
def submit(
    system: str,
    vectors: Path,
    out: Path,
    title: str,
    author: str,
    method: str,
    links: tuple[str, ...],
    images: str | None,
    files: tuple[Path, ...],
) -> None:
    """Write VECTORS against SYSTEM as a submission: --out, and a safetensors file beside it.

    VECTORS is a safetensors file as the step `attack` writes it: a tensor (images, N) float32 per SNR, `snr_db=20`.
    What is claimed is what decoding them shows here.
    """
    from semrobust.measure import submission as submissions
    from semrobust.measure import verification

    if out.suffix != ".json":
        raise UsageError(f"--out {out}: must end in .json; the vectors go beside it")
    params = load(files)
    bench = verification.Bench.of(Plan.of(params, files), params, system)
    snr_db, count = submissions.offered(vectors, params.attack_snr_db())
    found = submissions.vectors(vectors, snr_db, (count, params.link.real_uses))
    chosen = _numbers(images) if images is not None else list(range(count))
    wrong = not chosen or chosen[0] < 0 or chosen[-1] >= len(bench.images)
    if len(chosen) != count or chosen != sorted(set(chosen)) or wrong:
        raise UsageError(
            f"{vectors} has {count} rows: --images must be as many rising numbers below {len(bench.images)}, since so "
            "many images are attacked in this run"
        )
    rows = bench.decoded(found, chosen)
    if len(zeros := rows[verification.empty(rows)]):
        image, snr = zeros.iloc[0][["image", "snr_db"]]
        raise UsageError(
            f"{vectors} has zeros for image {image:g} at {snr:g} dB, which noise alone does not break: give the "
            "largest vector that was tried, or leave the image out (--images)"
        )
    described = {
        "title": title,
        "author": author,
        "date": datetime.now(UTC).date().isoformat(),
        "links": list(links),
        "method": method,
        "against": bench.against,
        "images": chosen,
        "claims": verification.claims(rows),
    }
    judged = verification.judged(submissions.write(out, described, found), rows)
    _print(judged.drop(columns=["claimed_broken", "claimed_power_total_mean"]))
    click.echo(f"{out}, {out.with_suffix(vectors.suffix)}: `semrobust verify {out}` is what others will run")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--images {text}: must be numbers with commas between them") from error
