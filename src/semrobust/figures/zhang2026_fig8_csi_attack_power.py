"""Zhang 2026, figure 8: the power that an attack needs to break a fed back channel state, over SNR."""

from __future__ import annotations

from matplotlib.figure import Figure

from semrobust.figures import base, shown
from semrobust.figures.zhang2026_fig5_attack_power import panels


def draw(inputs: base.FigureInputs) -> Figure:
    """As figure 5, under the first criterion of success."""
    criterion = inputs.settings["criteria"][0]
    table = inputs.tables["csi_attack_power"]
    breaks = f"breaks a channel state: {inputs.settings['labels']['criteria'][criterion]}"
    return panels(inputs, table[table["criterion"] == criterion], inputs.settings["uses"], breaks, "samples")


FIGURE = base.Figure(
    tables=("csi_attack_power",),
    shows=(shown.csi, shown.attacks),
    draw=draw,
    caption="""
Least attack power on channel states by system, attack and channel SNR

Median energy ‖s‖² of the weakest perturbation found that breaks a fed back channel state
({{ (params.csi.broken.values() | list)[0].label }}); one panel per system. The signal has energy N, so the right axis
gives attack over signal power (PSR). Over {{ params.evaluation.attack_images | number }} test samples of {{ csi }};
those that withstood every power tried count as ∞. Bands: 95% intervals, bootstrap over samples; 0 means that the
channel alone breaks half of them. Other criteria are in the table.
""",
)
