"""The verbs that say where results came from: `audit` verifies them, `crate` exports the whole run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from semrobust.cli.base import by_default, params_files
from semrobust.errors import DataError, UsageError
from semrobust.pipeline.audit import Audit, Finding, Status
from semrobust.pipeline.plan import Plan

_LISTED = 12
"""So many artifacts are listed one by one; of more, only those that are not ok, and counts."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--complete", is_flag=True, help="Ask for the whole lineage: what rests on a file not here is unknown.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings as JSON.")
@click.option(
    "--graph",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the lineage of the one PATH, from the raw data on, as Mermaid text (.mmd, or fenced in .md).",
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

    Where data or models are not here, `ok` says how many of an artifact's inputs up the lineage were compared.
    """
    plan = _plan(context, files)
    if not paths and plan is None:
        raise UsageError("no PATH is given, and there is no params.yaml here that names a run; give one of them")
    if graph is not None and (len(paths) != 1 or not paths[0].is_file() or graph.suffix not in (".mmd", ".md")):
        raise UsageError("--graph draws the lineage of one file as .mmd or .md: give one PATH")
    checker = Audit(plan, complete, _content)
    findings = [] if paths else checker.everything()
    for path in paths:
        findings += checker.folder(path) if path.is_dir() else [checker.file(path)]
    findings = list({id(finding): finding for finding in findings}.values())
    if not findings:
        raise UsageError(f"no artifact is in {', '.join(map(str, paths)) or 'this run: start the workflow first'}")
    findings.sort(key=lambda finding: (list(Status).index(finding.status), finding.path.as_posix()))
    click.echo(json.dumps(_plain(findings), indent=1) if as_json else _table(findings))
    if graph is not None:
        from semrobust.pipeline import lineage
        from semrobust.pipeline.files import write_text

        write_text(graph, lineage.written(lineage.mermaid(lineage.behind(findings[0], checker)), graph))
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

    click.echo(crates.write(Plan.current(files), destination))


def _plan(context: click.Context, files: tuple[Path, ...]) -> Plan | None:
    """The plan, if files are named or there is a project here; a copied figure needs none."""
    return None if by_default(context) and not files[0].exists() else Plan.current(files)


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
        "ok_in_part": sum(_in_part(finding) for finding in findings),
        "artifacts": [
            {
                "path": finding.path.as_posix(),
                "status": finding.status.value,
                "id": finding.record.get("id"),
                "job": finding.record.get("job"),
                "problems": [{"status": status.value, "text": text} for status, text in finding.problems],
                "notes": finding.notes,
                "inputs": len(finding.behind),
                "compared": len(finding.compared),
                "not_here": sorted(finding.not_here),
                "made_from": sorted(path.as_posix() for path in finding.made_from),
            }
            for finding in findings
        ],
    }


def _in_part(finding: Finding) -> bool:
    """Whether an artifact is ok as far as could be seen, and not all could be."""
    return finding.status is Status.OK and not finding.whole


def _status(finding: Finding) -> str:
    text = finding.status.value
    return f"{text}, {_compared([finding])}" if _in_part(finding) else text


def _compared(findings: list[Finding]) -> str:
    """How much of what is behind artifacts was compared by SHA-256."""
    behind = set[str]().union(*(finding.behind for finding in findings))
    compared = set[str]().union(*(finding.compared for finding in findings))
    return f"{len(compared)} of {len(behind)} compared"


def _table(findings: list[Finding]) -> str:
    """One line per artifact and problem, the worst first; of many that are ok or of an earlier release, counts."""
    one_by_one = len(findings) <= _LISTED
    shown = [finding for finding in findings if one_by_one or finding.status not in (Status.OK, Status.EARLIER)]
    rows = [("", "artifact", "")] if shown else []
    for finding in shown:
        texts = [text for _, text in finding.problems]
        if one_by_one and "id" in finding.record:
            texts.append(f"semrobust:{finding.record['id']}")
            texts += [f"lineage: {_compared([finding])} by SHA-256"] if finding.behind else []
        texts += finding.notes if one_by_one else []
        for row, text in enumerate(texts):
            rows.append((_status(finding) if row == 0 else "", finding.path.as_posix() if row == 0 else "", text))
    width = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"{status:{width[0]}}  {path:{width[1]}}  {text}".rstrip() for status, path, text in rows]
    return "\n".join([*lines, *([] if one_by_one else _kinds(findings)), _summary(findings)])


def _kinds(findings: list[Finding]) -> list[str]:
    """Of many artifacts: how many of each kind are fine, and what is to be known of them."""

    def line(text: str, chosen: list[Finding]) -> list[str]:
        counts = Counter(str(finding.record["job"]["kind"]) for finding in chosen)
        return [f"{text}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items())] if chosen else []

    part = [finding for finding in findings if _in_part(finding)]
    earlier = "recorded by an earlier release, files as recorded; what is behind them cannot be followed"
    return [
        *line("ok", [finding for finding in findings if finding.status is Status.OK and finding.whole]),
        *line(f"ok as far as it is here, {_compared(part)} (see dvc pull)", part),
        *line(earlier, [finding for finding in findings if finding.status is Status.EARLIER]),
        *(
            f"{count} × {note}"
            for note, count in Counter(note for finding in findings for note in finding.notes).items()
        ),
    ]


def _summary(findings: list[Finding]) -> str:
    counts = Counter(finding.status for finding in findings)
    part = [finding for finding in findings if _in_part(finding)]
    text = f"{len(findings)} artifacts: " + ", ".join(f"{counts[status]} {status.value}" for status in Status)
    return f"{text} ({len(part)} of them in part: {_compared(part)})" if part else text
