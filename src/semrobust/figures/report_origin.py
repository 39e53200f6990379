"""Blocks of the report that say what was compared, with which params and code, and how to make it again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from semrobust.config.registry import ATTACKS, FIGURES, SYSTEMS
from semrobust.config.settings import Plain
from semrobust.figures import report_html as write
from semrobust.figures.report_base import Book
from semrobust.figures.report_html import Html
from semrobust.pipeline import captions, outputs

Row = list[object]

_SOURCE_VALUES = 3 * 32 * 32
_MAIN = ("run", "seed", "data", "link", "evaluation", "recognition")
"""Params and sections that are shown unfolded, without the sections in them."""


class Origin(Book):
    """What was compared, and where it comes from."""

    def systems(self) -> Html:
        """The systems of the main comparisons; those of studies and of link adaptation folded."""
        main, others = list[Row](), list[Row]()
        for name, system in self.params.systems.items():
            kind = SYSTEMS[system.kind]
            run = [attack for of, attack in self.params.pairs() if of == name]
            if kind.task == "class":
                run = self.params.noise_against(name)
            row = [system.label, name, system.kind, kind.task, kind.side, len(run)]
            (main if self._is_main(name) else others).append(row)
        header = ["system", "name", "kind", "receiver gives", "side", "attacks or noise"]
        more = f"{len(others)} more: of studies, of link adaptation, and what they start from"
        return write.table(header, main, texts=5) + write.folded(more, write.table(header, others, texts=5))

    def _is_main(self, system: str) -> bool:
        return system in self.params.attacked() or system in self.params.of_task("class")

    def attacks(self) -> Html:
        """The attacks on the received vector and the kinds of semantic noise, as the params name them."""
        pairs = Counter(attack for _, attack in self.params.pairs())
        rows: list[Row] = [
            [
                attack.label,
                name,
                attack.kind,
                ", ".join(sorted(ATTACKS[attack.kind].requires)) or "nothing",
                pairs[name],
            ]
            for name, attack in self.params.attacks.items()
        ]
        against = Counter(noise for name in self.params.of_task("class") for noise in self.params.noise_against(name))
        noise: list[Row] = [
            [given.label, name, given.norm, ", ".join(f"{level:g}" for level in given.epsilon_levels), against[name]]
            for name, given in self.params.recognition.noise.items()
        ]
        return write.joined(
            [
                write.table(["attack", "name", "kind", "needs of the receiver", "run on systems"], rows, texts=4),
                write.table(["semantic noise", "name", "norm", "ε in levels of 1/255", "systems"], noise, texts=4),
            ]
        )

    def budgets(self) -> Html:
        """What each system sends, from the tables."""
        clean, overhead = self.table("clean"), self.table("overhead")
        rows = []
        for name, of in (*clean.groupby("system", sort=False), *overhead.groupby("system", sort=False)):
            if self._is_main(str(name)):
                row = of.iloc[0]
                symbols = float(row["symbols_per_image"])
                sizes = (row.get("bits_per_image", float("nan")), 2 * symbols, symbols)
                ratios = (symbols / _SOURCE_VALUES, 2 * symbols / _SOURCE_VALUES)
                side = SYSTEMS[self.params.systems[str(name)].kind].side
                numbers = (*map(write.count, sizes), *map(write.number, ratios))
                rows.append([self.labels[str(name)], side, row["stream"], *numbers])
        header = ["system", "side", "stream", "bits", "real uses", "complex symbols", "CBR", "bandwidth ratio"]
        return write.table(header, rows, texts=3)

    def settings(self) -> Html:
        """The params of the run: the main ones as a table, all of them folded."""
        given = outputs.report(self.params).settings["params"]
        rows = [
            [Html(f"<code>{key}</code>"), _plain(value)] for name in _MAIN for key, value in _leaves(name, given[name])
        ]
        everything = json.dumps(given, indent=1, ensure_ascii=False)
        return write.table(["parameter", "value"], rows, texts=2) + write.folded(
            "All params that results depend on, overlays merged",
            Html(f"<pre tabindex='0'>{write.escape(everything)}</pre>"),
        )

    def environment(self) -> Html:
        """Versions and commits that the records of tables and figures name."""
        records = self._records.values()
        versions: dict[str, list[str]] = {"python": []}
        for record in records:
            for package, version in {"python": record["python"], **record["packages"]}.items():
                versions.setdefault(package, []).append(version)
        rows = [[package, ", ".join(sorted(set(found)))] for package, found in versions.items()]
        commits = Counter((record["git"]["commit"] or "none", bool(record["git"]["dirty"])) for record in records)
        made = [
            [Html(f"<code>{commit}</code>"), "yes" if dirty else "no", number]
            for (commit, dirty), number in sorted(commits.items(), key=lambda item: (-item[1], item[0]))
        ]
        return write.joined(
            [
                write.table(["package", "version"], rows, texts=2),
                write.table(
                    ["commit", "code or params differed from it", "tables and figures made at it"], made, texts=2
                ),
            ]
        )

    def provenance(self) -> Html:
        """Id, file and making of every table and figure, and the digests of the data behind them."""
        rows = []
        for name in (*outputs.TABLES, *FIGURES):
            record = self._records[name]
            path = self.layout.table(name) if name in outputs.TABLES else self.layout.figure(name)
            digest = record["outputs"][path.as_posix()]
            texts = (path.as_posix(), f"semrobust:{record['id']}", f"{digest[:16]}…", " ".join(record["command"]))
            rows.append([Html(f"<code>{write.escape(text)}</code>") for text in texts])
        dataset: Plain = next((record["dataset"] for record in self._records.values() if record["dataset"]), {})
        splits = [
            [split, write.count(of["count"]), Html(f"<code>{of['digest']}</code>")]
            for split, of in dataset.get("splits", {}).items()
        ]
        return write.joined(
            [
                write.table(["split", "images", "SHA-256 of its content"], splits, texts=3),
                write.folded(
                    f"All {len(rows)} tables and figures",
                    write.table(["file", "id", "SHA-256", "made by"], rows, texts=4),
                ),
            ]
        )

    def tables(self) -> Html:
        """All tables of the run: what is in them, and how many rows."""
        rows = [
            [Html(f"<code>{self.layout.table(name).as_posix()}</code>"), captions.table(self.params, name).title,
             write.count(len(self.table(name)))]
            for name in outputs.TABLES
        ]  # fmt: skip
        return write.table(["file", "content", "rows"], rows, texts=2)

    def reproduce(self) -> Html:
        """The commands that make this run again."""
        overlays = [path.as_posix() for path in self.files if path != Path("params.yaml")]
        options = f" --configfile {' '.join(overlays)}" if overlays else ""
        commits = Counter(record["git"]["commit"] for record in self._records.values() if record["git"]["commit"])
        checkout = (
            [f"git checkout {commits.most_common(1)[0][0]}  # made most of the files, see below"] if commits else []
        )
        lines = [
            "git clone URL semrobust && cd semrobust",
            *checkout,
            "make install && source .venv/bin/activate",
            f"snakemake --cores all all{options}",
        ]
        return Html(f"<pre tabindex='0'>{write.escape(chr(10).join(lines))}</pre>")


def _leaves(name: str, value: object) -> list[tuple[str, object]]:
    """Keys and values of a section, without the sections in it."""
    if not isinstance(value, dict):
        return [(name, value)]
    return [(f"{name}.{key}", of) for key, of in value.items() if not isinstance(of, dict)]


def _plain(value: object) -> str:
    """A param as params.yaml writes it."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
