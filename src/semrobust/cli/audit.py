"""The verbs that say where results came from: `audit` verifies them, `crate` exports the whole run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from semrobust.cli.base import params_files
from semrobust.config.params import Params, load
from semrobust.errors import DataError, UsageError
from semrobust.pipeline.audit import Audit, Finding, Status

_LISTED = 12
"""So many artifacts are listed one by one; of more, only those that are not ok, and counts."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--complete", is_flag=True, help="Ask for the whole chain: what rests on a file not here is unknown.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option(
    "--graph",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the chain behind the one PATH, from the raw data on (.svg, .pdf or .png).",
)
@params_files
@click.pass_context
def audit(
    context: click.Context,
    paths: tuple[Path, ...],
    complete: bool,
    as_json: bool,
    graph: Path | None,
    files: tuple[Path, ...],
) -> None:
    """Verify what a run made against its records.

    Figures, tables, models, samples and data: files, inputs up to the raw data, params and code.

    A PATH is a file or a folder; without any, all artifacts of the run are audited. A copied figure is judged by the
    record inside it, in any folder. Writes nothing. Exit code 1 unless all are ok.
    """
    params = _params(context, files)
    if not paths and params is None:
        raise UsageError("no PATH is given, and there is no params.yaml here that names a run; give one of them")
    if graph is not None and (len(paths) != 1 or not paths[0].is_file()):
        raise UsageError("--graph draws the chain of one file: give one PATH")
    checker = Audit(params, complete, _content)
    findings = [] if paths else checker.everything()
    for path in paths:
        findings += checker.folder(path) if path.is_dir() else [checker.file(path)]
    findings = list({id(finding): finding for finding in findings}.values())
    if not findings:
        raise UsageError(f"no artifact is in {', '.join(map(str, paths)) or 'this run: start the workflow first'}")
    findings.sort(key=lambda finding: (list(Status).index(finding.status), finding.path.as_posix()))
    click.echo(json.dumps(_plain(findings), indent=1) if as_json else _table(findings))
    if graph is not None:
        from semrobust.figures import chain_graph
        from semrobust.pipeline import lineage as chain

        chain_graph.write(chain.behind(findings[0], checker.findings), graph)
    if any(finding.status is not Status.OK for finding in findings):
        context.exit(1)


@click.command()
@click.argument("destination", type=click.Path(file_okay=False, path_type=Path))
@params_files
def crate(destination: Path, files: tuple[Path, ...]) -> None:
    """Export the whole run as an RO-Crate.

    Copies its files to DESTINATION and writes ro-crate-metadata.json with every job beside them.

    With `.` the project itself becomes the crate, and nothing is copied. Refused (exit code 1) unless all is ok.
    """
    from semrobust.pipeline import crate as crates

    click.echo(crates.write(load(files), files, destination))


def _params(context: click.Context, files: tuple[Path, ...]) -> Params | None:
    """The params, if files are named or there is a project here; a copied figure needs none."""
    by_default = context.get_parameter_source("files") is click.core.ParameterSource.DEFAULT
    return None if by_default and not files[0].exists() else load(files)


def _content(folder: Path) -> Mapping[str, Any]:
    """What the record of a dataset should say of its splits, from the arrays; nothing if they cannot be read."""
    from semrobust.data.content import content_digest
    from semrobust.data.splits import SPLITS, load_split

    found = {}
    for name in SPLITS:
        try:
            split = load_split(folder, name)
        except DataError:
            return {}
        found[name] = {"count": len(split), "digest": content_digest(split.images, split.labels)}
    return found


def _plain(findings: list[Finding]) -> dict[str, Any]:
    return {
        "counts": {status.value: sum(finding.status is status for finding in findings) for status in Status},
        "artifacts": [
            {
                "path": finding.path.as_posix(),
                "status": finding.status.value,
                "id": finding.record.get("id"),
                "job": finding.record.get("job"),
                "problems": [{"status": status.value, "text": text} for status, text in finding.problems],
                "notes": finding.notes,
                "inputs": len({*finding.record.get("inputs", {}), *finding.record.get("lineage", {})}),
                "not_here": sorted(finding.not_here),
                "made_from": sorted(path.as_posix() for path in finding.made_from),
            }
            for finding in findings
        ],
    }


def _table(findings: list[Finding]) -> str:
    """One line per artifact and problem, the worst first; of many that are ok, counts."""
    one_by_one = len(findings) <= _LISTED
    shown = [finding for finding in findings if one_by_one or finding.status is not Status.OK]
    rows = [("", "artifact", "")] if shown else []
    for finding in shown:
        problems = [text for _, text in finding.problems]
        identity = f"semrobust:{finding.record['id']}" if "id" in finding.record else ""
        texts = problems or [identity]
        if one_by_one:
            texts = [*problems, *filter(None, [identity]), *_checked(finding), *finding.notes]
        for row, text in enumerate(texts):
            rows.append((finding.status.value if row == 0 else "", finding.path.as_posix() if row == 0 else "", text))
    width = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"{status:{width[0]}}  {path:{width[1]}}  {text}".rstrip() for status, path, text in rows]
    lines += _summary(findings, one_by_one)
    return "\n".join(lines)


def _checked(finding: Finding) -> list[str]:
    """What was compared, in one line."""
    behind = {*finding.record.get("inputs", {}), *finding.record.get("lineage", {})}
    if not behind or finding.status is Status.TAMPERED:
        return []
    return [f"{len(behind - finding.not_here)} of {len(behind)} files behind it compared by SHA-256"]


def _summary(findings: list[Finding], one_by_one: bool) -> list[str]:
    lines = []
    if not one_by_one:
        ok = [finding for finding in findings if finding.status is Status.OK]
        kinds = Counter(str(finding.record["job"]["kind"]) for finding in ok)
        if ok:
            lines.append("ok: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
        missing = set().union(*(finding.not_here for finding in findings))
        if missing:
            lines.append(f"not here: {len(missing)} files up the chains, known by name and hash only (see dvc pull)")
    counts = Counter(finding.status for finding in findings)
    lines.append(f"{len(findings)} artifacts: " + ", ".join(f"{counts[status]} {status.value}" for status in Status))
    return lines
