"""What the report of a run says: one method per block, called by `workflow/notebooks/report.ipynb` in reading order.

Everything comes from the tables, the figures and their records, so that equal files give an equal report. Numbers of
figures and tables follow the order of the calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.figures import report_html as write
from semrobust.figures.base import BEST_OF
from semrobust.figures.report_base import at_snr, cell, measure
from semrobust.figures.report_html import Html
from semrobust.figures.report_origin import Origin
from semrobust.pipeline import captions, outputs

if TYPE_CHECKING:
    import pandas as pd

_MARKS = {"holds": "✓", "holds in direction": "~", "does not hold": "✗"}


_EQUAL = 1e-6
"""Tables have six significant digits."""


class Report(Origin):
    """The report of the run of these params files, whose tables and figures are finished."""

    def head(self) -> Html:
        """Title, and which run this is."""
        given = self.params
        images = (_most(self.table(name)) for name in ("clean", "attack_power", "accuracy"))
        counts = [
            (given.of_task("image"), "that send images"), (given.of_task("class"), "that name classes"),
            (given.attacks, "on the received vector"), (given.recognition.noise, "kinds of semantic noise"),
        ]  # fmt: skip
        said = [f"{len(of)} {what}" for of, what in counts]
        without, on_air, noisy = images
        facts = [
            ("run", given.run),
            ("data set", captions.DATASETS.get(given.data.source, given.data.source)),
            ("test images", f"{without} without an attack, {on_air} attacked on the air, {noisy} under semantic noise"),
            ("systems", ", ".join(said[:2])),
            ("attacks", ", ".join(said[2:])),
            ("root seed", str(given.seed)),
        ]
        lines = "".join(f"<dt>{write.escape(name)}</dt><dd>{write.escape(value)}</dd>" for name, value in facts)
        return Html(f"<h1>How robust is semantic communication?</h1>\n<dl class='facts'>{lines}</dl>")

    def verdicts(self) -> Html:
        """How many claims of each paper hold."""
        claims = self.table(outputs.COMPARISON)
        names = [*_MARKS, *(name for name in claims["verdict"].unique() if name not in _MARKS)]
        rows = [
            [paper, *(int((of["verdict"] == name).sum()) for name in names), len(of)]
            for paper, of in claims.groupby("paper", sort=True)
        ]
        return write.table(["paper", *names, "claims"], rows)

    def claims(self) -> Html:
        """Every claim with our number, the verdict and its rule."""
        rows = []
        for claim in self.table(outputs.COMPARISON).to_dict("records"):
            text = write.escape(claim["text"]) + _small(f"{claim['paper']}, {claim['place']}")
            stated = claim["stated"] if isinstance(claim["stated"], str) else "–"
            ours = write.interval(claim["value"], claim["value_low"], claim["value_high"])
            if isinstance(claim["measure"], str):
                ours += _small(claim["measure"])
            name = str(claim["verdict"])
            mark = Html(f'<span class="verdict {name.replace(" ", "-")}">{_MARKS.get(name, "–")} {name}</span>')
            rows.append([text, stated, ours, mark + _small(claim["rule"])])
        header = ["claim", "paper's number", "ours", "verdict and its rule"]
        return self._shown(outputs.COMPARISON, header, rows, "", texts=len(header), css="claims")

    # --- zhang2026

    def quality(self) -> Html:
        """Clean PSNR of the attacked systems."""
        frame = self.table("clean")
        note = "Here: mean PSNR (dB) of the attacked systems at some of the SNRs."
        return self._over_snr("clean", frame, "system", self._attacked(), measure("psnr_db"), note)

    def power(self) -> Html:
        """Power of the best attack on each attacked system."""
        frame = self.table("attack_power")
        frame = frame[frame["attack"] == BEST_OF]
        note = "Here: mean ‖s‖² of the best attack on each image that mid-grey would ruin, at some of the SNRs."
        columns = ("ruinable_power_mean", "ruinable_power_low", "ruinable_power_high")
        return self._over_snr("attack_power", frame, "system", self._attacked(), columns, note)

    def ratio(self) -> Html:
        """Power needed against a semantic system over that against a classical one."""
        frame = self.table("power_ratio")
        chosen = (
            (frame["semantic_attack"] == BEST_OF) & (frame["population"] == "ruinable") & (frame["statistic"] == "mean")
        )
        frame = frame[chosen]
        note = "Here: each side under its best attack, means over ``ruinable`` images, at some of the SNRs."
        return self._over_snr(
            "power_ratio", frame, "system", self._pairs(frame), measure("ratio"), note, "semantic ÷ classical"
        )

    def bounds(self) -> Html:
        """Bounds at the highest SNR."""
        frame = self.table("bounds")
        frame = frame[frame["snr_db"] == frame["snr_db"].max()]
        rows = [
            [
                self.labels.get(row["system"], row["system"]), row["role"],
                write.interval(row["power_total_mean"], row["power_total_low"], row["power_total_high"]),
                write.count(row["n_beaten"]), write.count(row["n_images"]), write.number(row["tightness_median"]),
            ]
            for row in frame.to_dict("records")
        ]  # fmt: skip
        header = ["system", "quantity", "mean ‖s‖²", "beaten on", "of images", "measured ÷ this (median)"]
        return self._shown("bounds", header, rows, f"Here: at {at_snr(frame)}.", texts=2)

    def slopes(self) -> Html:
        """Slopes at the highest SNR."""
        frame = self.table("lipschitz")
        frame = frame[frame["snr_db"] == frame["snr_db"].max()]
        rows = [
            [
                self.labels.get(row["system"], row["system"]), write.number(row["certified"]),
                *(write.interval(*(row[f"{kind}_{end}"] for end in ("mean", "low", "high")))
                  for kind in ("spectral", "frobenius", "path")),
            ]
            for row in frame.to_dict("records")
        ]  # fmt: skip
        header = ["system", "certified constant", "spectral norm", "Frobenius norm", "steepest piece"]
        return self._shown("lipschitz", header, rows, f"Here: at {at_snr(frame)}.")

    # --- beyond the papers

    def knowledge(self) -> Html:
        """Ratio by what the attacker knows, at the highest SNR."""
        frame = self.table(outputs.KNOWLEDGE)
        frame = frame[frame["snr_db"] == frame["snr_db"].max()]
        known = list(dict.fromkeys(frame["knowledge"]))
        return self._spread(outputs.KNOWLEDGE, frame, "knowledge", {name: name for name in known})

    def criteria(self) -> Html:
        """Ratio under several criteria of ruin, at the highest SNR."""
        frame = self.table("criteria_ratio")
        frame = frame[frame["snr_db"] == frame["snr_db"].max()]
        rules = {name: rule.label for name, rule in self.params.criteria.ruined.items()}
        shown = {name: label for name, label in rules.items() if name in set(frame["criterion"])}
        return self._spread("criteria_ratio", frame, "criterion", shown)

    def _spread(self, name: str, frame: pd.DataFrame, key: str, labels: dict[str, str]) -> Html:
        """Ratios of all pairs, one column per value of `key`."""
        rows = []
        for pair, label in self._pairs(frame).items():
            of = frame[frame["system"] == pair].set_index(key)
            rows.append([label, *(cell(of, value, measure("ratio")) for value in labels)])
        note = f"Here: ratio of mean powers, semantic ÷ classical, at {at_snr(frame)}."
        return self._shown(name, ["semantic ÷ classical", *labels.values()], rows, note)

    # --- hu2022

    def accuracy(self) -> Html:
        """Accuracy with and without the default noise, over the default channel."""
        given, frame = self.params.recognition, self.table("accuracy")
        level = given.default_level / 255
        at = frame["snr_db"] == given.at_snr_db
        places = {
            "error-free": frame["channel"] == "error_free",
            f"{self._channel(given.channel)}, {given.at_snr_db:g} dB": (frame["channel"] == given.channel) & at,
        }
        quiet = frame["attack"] == "none"
        noisy = (frame["attack"] == given.default_noise) & ((frame["semantic_noise_eps"] - level).abs() < _EQUAL)
        rows = []
        for name in self.params.of_task("class"):
            of = frame["system"] == name
            if of.any():
                shares = (_share(frame[of & where & what]) for where in places.values() for what in (quiet, noisy))
                rows.append([self.labels[name], *shares])
        header = ["system", *(f"{place}{what}" for place in places for what in ("", ", noise"))]
        noise = f"{given.noise[given.default_noise].label}, ε = {given.default_level:g} levels of 1/255"
        note = f"Here: without and under semantic noise that was made against each system itself ({noise})."
        return self._shown("accuracy", header, rows, note)

    def sanity(self) -> Html:
        """How many checks of the noise have which verdict."""
        frame = self.table("attack_sanity")
        names = list(dict.fromkeys(["holds", "within_noise", "violated", "flagged", *frame["verdict"]]))
        rows = [
            [check, *(int((of["verdict"] == name).sum()) for name in names)]
            for check, of in frame.groupby("check", sort=False)
        ]
        header = ["check", *(name.replace("_", " ") for name in names)]
        return self._shown("attack_sanity", header, rows, "Here: number of checks by verdict.")

    def _attacked(self) -> dict[str, str]:
        return {name: self.labels[name] for name in self.params.attacked()}

    def _channel(self, name: str) -> str:
        return self.params.channels[name].label if name in self.params.channels else name


def _share(rows: pd.DataFrame) -> Html:
    """Accuracy in the first of these rows."""
    if rows.empty:
        return Html("–")
    row = rows.iloc[0]
    return write.percent(row["accuracy"], row["accuracy_low"], row["accuracy_high"])


def _most(table: pd.DataFrame) -> str:
    """The largest number of images behind a row."""
    return f"{table['n_images'].max():,.0f}" if len(table) else "no"


def _small(text: object) -> Html:
    """A line in small letters."""
    return Html(f'<span class="small">{write.escape(text)}</span>')
