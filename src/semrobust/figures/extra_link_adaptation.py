"""What adaptive coding and modulation could reach: the clean curves of all baselines and their envelope."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from semrobust.figures import base, canvas, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("psnr_db", "psnr_db_low", "psnr_db_high")
_COLORS = ("#029e73", "#cc78bc", "#ca9161", "#949494")  # of the palette colorblind, not those of the learned systems
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "x", "+", "d")
_DARK = (0.1, 0.1, 0.1)


def draw(inputs: base.FigureInputs) -> Figure:
    """One panel per source codec: its baselines as thin lines, their best at each SNR, and the learned systems."""
    table, adaptive = inputs.tables["clean"], base.feasible(inputs.tables["link_adaptation"])
    rows, every = base.feasible(table), inputs.settings["rungs"]
    rungs = {name: rung for name, rung in every.items() if name in set(rows["system"])}
    sources = list(dict.fromkeys(rung["source"] for rung in rungs.values())) or [""]
    figure = canvas.sheet(3.9)
    panels = figure.subplots(1, len(sources), sharex=True, sharey=True, squeeze=False)[0]
    looks = _Looks(rungs)
    learned = {name: look for name, look in base.looks(inputs, "systems").items() if name not in every}
    for axes, source in zip(panels, sources, strict=True):
        of_source = {name: rung for name, rung in rungs.items() if rung["source"] == source}
        for name, rung in of_source.items():
            _thin(axes, rows[rows["system"] == name], looks.of(rung))
        for name, look in learned.items():
            base.curve(axes, rows[rows["system"] == name].sort_values("snr_db"), _COLUMNS, look)
        best = adaptive[adaptive["source"] == source].sort_values("snr_db")
        base.curve(axes, best, _COLUMNS, base.Look("best baseline at each SNR", _DARK, "s", "-"))
        axes.set_title(f"{source.upper()}: {len(of_source)} baselines")
        base.label_snr(axes)
    panels[0].set_ylabel("PSNR of the received image (dB)")
    figure.legend(handles=[*_thick(panels[0], learned), *looks.legend()], loc="outside upper center", ncols=3)
    notes = [
        "Thin: each baseline with one modulation and code at all SNRs. Black: the baseline of the highest mean PSNR, "
        "chosen for each SNR on one half of the images and scored on the other, both ways; the sender knows the SNR.",
        "Bands: 95% interval of the mean, bootstrap over images.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes + base.infeasible_note(table, inputs))
    return figure


class _Looks:
    """Colour of the modulation, dashes of the code rate, marker of the code family, in the order of the params."""

    def __init__(self, rungs: Mapping[str, Any]) -> None:
        self.modulations = list(dict.fromkeys(rung["modulation"] for rung in rungs.values()))
        self.rates = sorted({_rate(rung["code"]) for rung in rungs.values()})
        self.families = list(dict.fromkeys(rung["code"]["family"] for rung in rungs.values()))

    def of(self, rung: Mapping[str, Any]) -> dict[str, Any]:
        """Line style of one baseline."""
        code = rung["code"]
        return {
            "color": _pick(_COLORS, self.modulations.index(rung["modulation"])),
            "linestyle": _pick(_DASHES, self.rates.index(_rate(code))),
            "marker": _pick(_MARKERS, self.families.index(code["family"])),
        }

    def legend(self) -> list[Artist]:
        """One entry per modulation, rate and family."""
        from matplotlib.lines import Line2D

        thin = 0.8 * canvas.scale()
        return [
            *(
                Line2D(
                    [], [], color=_pick(_COLORS, place), linewidth=3 * thin, label=name.upper().replace("QAM", "-QAM")
                )
                for place, name in enumerate(self.modulations)
            ),
            *(
                Line2D([], [], color="0.3", linestyle=_pick(_DASHES, place), linewidth=thin, label=f"rate {name}")
                for place, name in enumerate(self.rates)
            ),
            *(
                Line2D([], [], color="0.3", linestyle="none", marker=_pick(_MARKERS, place), label=_family(name))
                for place, name in enumerate(self.families)
            ),
        ]


def _pick(values: tuple[Any, ...], place: int) -> Any:
    return values[place % len(values)]


def _rate(code: Mapping[str, Any]) -> str:
    """Nominal rate of a code as text."""
    if code["family"] == "regular":
        return str(1 - Fraction(code["column_weight"], code["row_weight"]))
    return str(code.get("rate", "of a file"))


def _family(name: str) -> str:
    return {"nr": "5G NR code", "regular": "regular code"}.get(name, f"{name} code")


def _thin(axes: Axes, rows: pd.DataFrame, look: Mapping[str, Any]) -> None:
    rows, scale = rows.sort_values("snr_db"), canvas.scale()
    axes.plot(rows["snr_db"], rows["psnr_db"], linewidth=0.8 * scale, markersize=2.6 * scale, alpha=0.75, **look)


def _thick(axes: Axes, learned: Mapping[str, base.Look]) -> list[Artist]:
    """Legend entries of the lines that have a name: the learned systems and the best baseline."""
    handles, labels = axes.get_legend_handles_labels()
    named = {look.label for look in learned.values()} | {"best baseline at each SNR"}
    return [handle for handle, label in zip(handles, labels, strict=True) if label in named]


FIGURE = base.Figure(
    tables=("clean", "link_adaptation"),
    shows=(shown.systems, shown.studies, shown.rungs),
    draw=draw,
    caption="""
What link adaptation could reach

Mean PSNR over the channel SNR of every separation-based baseline (thin) and of the best one at each SNR (black),
chosen on one half of the images and scored on the other; HEVC left, JPEG right, DeepJSCC for comparison. Over all test
images of {{ dataset }}; bands: 95% intervals of the mean, bootstrap over images. The black line is an upper limit for
adaptive coding and modulation, whose sender would have to learn the SNR first. Look at where DeepJSCC, one network for
all SNRs, lies above it.
""",
)
