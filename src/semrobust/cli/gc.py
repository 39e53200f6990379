"""The verb that removes what no params ask for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from semrobust.cli.base import by_default, params_files
from semrobust.config.overlay import PRESETS
from semrobust.pipeline import gc as garbage
from semrobust.pipeline.plan import ROOT, Plan

_LISTED = 20


@click.command()
@click.option("--apply", is_flag=True, help="Remove it; without this, nothing is changed.")
@params_files
@click.pass_context
def gc(context: click.Context, apply: bool, files: tuple[Path, ...]) -> None:
    """Say what no params ask for, and with --apply remove it: artifacts under other keys, finished scratch, old plans.

    Asks params.yaml and every overlay on it in params/. With --params, what these ask for counts, and nothing else.

    Never touched: raw downloads, published tables and figures, runs that no params name, other people's files.
    """
    all_known = by_default(context)
    overlays = sorted(PRESETS.glob("*.yaml")) if all_known else []
    plans: dict[str, list[Plan]] = {}
    for chosen in [files, *((*files, overlay) for overlay in overlays)]:
        plan = Plan.current(chosen)
        plans.setdefault(plan.run, []).append(plan)
    total = 0
    for run in garbage.runs():
        if run in plans:
            total += _run(plans[run], apply)
        else:
            size = _size(garbage.size(ROOT / run))
            click.echo(f"{ROOT / run}: no params file {'names' if all_known else 'given names'} this run; {size} left")
    hint = "" if apply or not total else "; --apply removes it"
    click.echo(f"{_size(total)} {'removed' if apply else 'that no params ask for'}{hint}")


def _run(plans: list[Plan], apply: bool) -> int:
    """Say what of one run could go, or remove it; returns its size."""
    run, found = plans[0].run, garbage.unasked(plans)
    garbage.refuse_while_busy(run)
    if apply and found:
        garbage.remove(found, run)
    sizes, counts = Counter[tuple[Path, str]](), Counter[tuple[Path, str]]()
    for each in found:
        group = (each.path.parent, each.why)
        sizes[group] += each.size
        counts[group] += 1
        if counts[group] <= _LISTED:
            click.echo(f"{each.path}  {_size(each.size)}  {each.why}")
        elif counts[group] == _LISTED + 1:
            click.echo(f"{each.path.parent}  and more")
    for (folder, why), count in counts.items():
        if count > _LISTED:
            click.echo(f"{folder}: {count} in all, {_size(sizes[folder, why])}")
    total = sum(each.size for each in found)
    asked = " and ".join(" + ".join(plan.sources) for plan in plans)
    click.echo(f"{ROOT / run}: {len(found)} of these, {_size(total)}, beside what {asked} ask for")
    return total


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
