"""Directives and a role that show the reference run, read from its tables and figures when the site is built.

    {run-value}`TABLE COLUMN; column=value; …`   a number with its interval, within a sentence; COLUMN% in percent
    {run-table} TABLE      rows and columns of data/RUN/results/TABLE.csv
    {run-claims} PAPER     the claims of one paper and what came out: today's rules on the run's tables
    {run-claims} PAPER RUN those of them that the run of an overlay can judge
    {run-figure} FIGURE    figures/RUN/FIGURE.png with the caption that stands in the figure's file
    {run-ranking} SNR      the systems in order, as `semrobust rank` has them
    {run-costs}            benchmarks/scaling.csv: what each step took, and would take at the papers' scale

A table RUN/TABLE is that of another run, of the overlay params/RUN.yaml.

So no number is copied by hand. A file that is missing, or a choice of rows that chooses none, fails the build.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from docutils import nodes  # type: ignore[import-untyped]
from docutils.parsers.rst import directives  # type: ignore[import-untyped]
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.typing import ExtensionMetadata, OptionSpec

from semrobust.config.params import Params, load
from semrobust.config.settings import LEVELS
from semrobust.figures.extra_adaptive import CONDITIONS
from semrobust.figures.extra_paper_vs_ours import measured as measured_claim
from semrobust.figures.extra_paper_vs_ours import names
from semrobust.pipeline.numbers import interval
from semrobust.pipeline.plan import FIGURES
from semrobust.pipeline.plan import ROOT as STORE
from semrobust.pipeline.verdicts import UNTESTED
from semrobust.tables import paper_vs_ours, ranking

ROOT = Path(__file__).resolve().parents[2]
_LABELLED = {
    "system": "systems", "other_system": "systems", "semantic_system": "systems", "classical_system": "systems",
    "reference": "systems", "attack": "attacks", "channel": "channels",
}  # fmt: skip
_NAMES = {
    "best_of": "cheapest of all, image by image", "none": "none", "error_free": "nothing lost",
}  # fmt: skip


@cache
def params(overlay: str = "") -> Params:
    """The params of the reference run, or with one of `params/` those of its run."""
    return load([ROOT / "params.yaml", *([ROOT / "params" / f"{overlay}.yaml"] if overlay else [])])


def params_of(table: str) -> Params:
    """Those of the run that a table is of."""
    return params(table.rpartition("/")[0])


def path_of(table: str) -> Path:
    """Where a table is published."""
    return STORE / params_of(table).run / "results" / f"{table.rpartition('/')[2]}.csv"


@cache
def table(name: str) -> pd.DataFrame:
    """A table, as text: numbers are rounded where they are shown."""
    return pd.read_csv(ROOT / path_of(name), dtype=str, keep_default_na=False)


def measured(row: pd.Series[str], column: str, percent: bool = False) -> str:
    """A number with its interval, if the table has one for it; a dash where the table has nothing."""
    stems = (column, re.sub("_(mean|median|rate|per_image)$", "", column))
    stem = next((stem for stem in stems if f"{stem}_low" in row), column)
    texts = [row[column], *(row.get(f"{stem}_{end}", "") for end in ("low", "high"))]
    value, low, high = (float(text or "nan") * (100 if percent else 1) for text in texts)
    return interval(value, low, high, "%" * percent)


def chosen(name: str, where: str) -> pd.DataFrame:
    """Rows of a table by "column=value,value; …"."""
    rows = table(name)
    for column, wanted in pairs(where).items():
        rows = rows[rows[column].isin(wanted.split(","))]
    return rows


def label(of: str, column: str, value: str) -> str:
    """What figures call a system, an attack or a channel; other values as they are."""
    if column == "family":
        return CONDITIONS[value][0]
    if column == "semantic_noise_eps":
        return f"{float(value) * LEVELS:.3g}/{LEVELS:g}" if float(value) else "0"
    given = params_of(of)
    named: Mapping[str, Any] = {}
    if column == "attack" and "semantic_noise_eps" in table(of):
        named = given.recognition.noise
    elif column in _LABELLED:
        named = getattr(given, _LABELLED[column])
    if value.endswith("+") and value[:-1] in named:
        return f"{named[value[:-1]].label}, all seeds"
    return str(named[value].label) if value in named else _NAMES.get(value, value)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table; what stands between backticks stays code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_{}\[\]<>|#$~^])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table. Lines do not break within an interval."""
    cells = [[re.sub(r", (?=[^\[]*\])", ",\u00a0", escaped(cell)) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def pairs(text: str) -> dict[str, str]:
    """ "a=b; c=d" as a mapping."""
    parts = [part.split("=", 1) for part in text.split(";") if part.strip()]
    return {key.strip(): value.strip() for key, value in parts}


class RunTable(SphinxDirective):
    """Options: `columns`, "column=heading; …", intervals added; `where`, "column=value,value; …"; `percent`, columns.

    With `across`, each value of that column has a column of its own, with what the last of `columns` has.
    """

    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = dict.fromkeys(
        ("columns", "where", "across", "percent"), directives.unchanged_required
    )

    def run(self) -> list[nodes.Node]:
        """The table, and the file that it is from."""
        name = self.arguments[0]
        path, rows = path_of(name), chosen(name, self.options.get("where", ""))
        if rows.empty:
            raise self.error(f"no row of {path} is chosen")
        columns = pairs(self.options["columns"])
        percent = self.options.get("percent", "").split()
        numeric = {column for column in columns if column not in _LABELLED and _is_number(rows[column])}

        def cell(row: pd.Series[str], column: str) -> str:
            return measured(row, column, column in percent) if column in numeric else label(name, column, row[column])

        header, body = list(columns.values()), [[cell(row, column) for column in columns] for _, row in rows.iterrows()]
        if "across" in self.options:
            across = list(rows[self.options["across"]])
            spread: dict[tuple[str, ...], dict[str, str]] = {}
            for (*fixed, last), value in zip(body, across, strict=True):
                if value in spread.setdefault(tuple(fixed), {}):
                    raise self.error(f"two rows of {path} have {fixed} and {value}")
                spread[tuple(fixed)][value] = last
            values = list(dict.fromkeys(across))
            header = header[:-1] + [f"{header[-1]} {label(name, self.options['across'], value)}" for value in values]
            body = [[*fixed, *(of.get(value, "–") for value in values)] for fixed, of in spread.items()]
        return self.parse_text_to_nodes(f"{markdown(header, body)}\n\n*From `{path}`.*")


class RunValue(SphinxRole):
    """One number of one row, with its interval; what it is from shows when one points at it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number."""
        of, _, where = self.text.partition(";")
        name, column = of.split()
        rows = chosen(name, where)
        if len(rows) != 1:
            said = f"{len(rows)} rows of {path_of(name)} are chosen by {where.strip()}"
            message = self.inliner.reporter.error(said, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        text = measured(rows.iloc[0], column.removesuffix("%"), column.endswith("%"))
        return [nodes.abbreviation(text, text, explanation=f"{path_of(name).name}: {column};{where}")], []


class RunClaims(SphinxDirective):
    """All claims of one paper: a list, since a table of so much text cannot be read on a phone."""

    required_arguments, optional_arguments = 1, 1

    def run(self) -> list[nodes.Node]:
        """Of each claim the verdict, our number, and the rule that the verdict follows."""
        paper, overlay = (*self.arguments, "")[:2]
        given = params(overlay)
        claims = paper_vs_ours.published(given, ROOT / STORE / given.run / "results")
        if overlay:
            claims = claims[claims["verdict"] != UNTESTED]
        named = names(given)["names"]
        items = []
        for _, row in claims[claims["paper"] == paper].iterrows():
            place = ", ".join([row["place"], *([f"stated: {row['stated']}"] if row["stated"] else [])])
            ours = " – ".join(part for part in measured_claim(row, named) if part)
            lines = [
                f"- **{row['verdict']}** · {escaped(row['text'])} ({escaped(place)})",
                f"  Ours: {escaped(ours)}",
                f"  *Rule:* {escaped(row['rule'])}" if row["rule"] else "",
            ]
            items.append("\\\n".join(line for line in lines if line))
        if not items:
            raise self.error(f"no claim of {' '.join(self.arguments)}")
        return self.parse_text_to_nodes("\n".join(items))


class RunRanking(SphinxDirective):
    """The attacked systems at an SNR, the hardest to break first."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table, and the files that it is from."""
        paths = [path_of(name) for name in ("clean", "attack_power")]
        clean, power = (pd.read_csv(ROOT / path) for path in paths)
        found = ranking.ranking(params(), clean, power, float(self.arguments[0]))
        header, *body = ranking.shown(found, lambda column, name: label("attack_power", column, name))
        return self.parse_text_to_nodes(f"{markdown(header, body)}\n\n*From `{paths[0]}` and `{paths[1]}`.*")


class RunCosts(SphinxDirective):
    """One row per step of which anything was measured, the dearest first, and their sum."""

    def run(self) -> list[nodes.Node]:
        """The table, and the file that it is from."""
        path = Path("benchmarks") / "scaling.csv"
        costs = pd.read_csv(ROOT / path)
        costs = costs[costs["measured"] > 0].sort_values("cpu_hours", ascending=False)
        header = [
            "step", "jobs", "measured", "CPU-hours", "longest job (min)", "memory (MB)", "CPU-hours, paper.yaml",
            "of them with a network",
        ]  # fmt: skip
        rows = [
            [f"`{row.step}`", str(row.jobs), str(row.measured), f"{row.cpu_hours:.2f}", f"{row.longest_minutes:.0f}",
             f"{row.memory_mb:,.0f}", f"{row.paper_cpu_hours:,.1f}", f"{row.paper_network_hours:,.1f}"]
            for row in costs.itertuples()
        ]  # fmt: skip
        sums = costs[["jobs", "measured", "cpu_hours", "paper_cpu_hours", "paper_network_hours"]].sum()
        total = [f"{sums['jobs']:.0f}", f"{sums['measured']:.0f}", f"{sums['cpu_hours']:.1f}"]
        paper = [f"{sums['paper_cpu_hours']:,.0f}", f"{sums['paper_network_hours']:,.0f}"]
        rows.append(["all of these", *total, "", "", *paper])
        return self.parse_text_to_nodes(f"{markdown(header, rows)}\n\n*From `{path}`.*")


class RunFigure(SphinxDirective):
    """A figure with its caption, a link to its PDF, and its provenance id."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The figure."""
        name = self.arguments[0]
        stem = FIGURES / params().run / name
        record = json.loads((ROOT / f"{stem}.json").read_text(encoding="utf-8"))
        said = record["settings"]["caption"]
        stop = "" if said["title"].endswith("?") else "."
        shown = f"{escaped(said['title'])}{stop} {{download}}`PDF <../{stem}.pdf>`, semrobust:{record['id']}"
        image = nodes.image(uri=f"../{stem}.png", alt=said["title"])
        drawn = nodes.figure("", image, nodes.caption("", "", *self.parse_inline(shown)[0]))
        self.add_name(drawn)
        # the body is plain sentences, the same in reStructuredText and in Markdown
        return [drawn, *self.parse_text_to_nodes(said["body"])]


def _is_number(column: pd.Series[str]) -> bool:
    return bool(pd.to_numeric(column[column != ""], errors="coerce").notna().all())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    directives_of = {
        "run-table": RunTable, "run-claims": RunClaims, "run-figure": RunFigure, "run-ranking": RunRanking,
        "run-costs": RunCosts,
    }  # fmt: skip
    for name, directive in directives_of.items():
        app.add_directive(name, directive)
    app.add_role("run-value", RunValue())
    return {"parallel_read_safe": True}
