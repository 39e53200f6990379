"""Zhang 2026, figure 9: what makes the classical feedback of channel states easier or harder to break."""

from __future__ import annotations

from matplotlib.figure import Figure

from semrobust.figures import base, shown
from semrobust.figures.zhang2026_fig6_classical_ablation import rows_of_chains


def draw(inputs: base.FigureInputs) -> Figure:
    """As figure 6, under the first criterion of success; in ‖s‖²/N, since N depends on what is sent."""
    criterion = inputs.settings["criteria"][0]
    table = inputs.tables["csi_attack_power"]
    table = table[table["criterion"] == criterion]
    table = table.assign(**{column: table[column] / table["real_uses"] for column in base.LEAST_POWER})
    breaks = f"breaks a channel state ({inputs.settings['labels']['criteria'][criterion]})"
    return rows_of_chains(inputs, table, breaks, "samples", "attack power per channel use")


FIGURE = base.Figure(
    tables=("csi_attack_power",),
    shows=(shown.csi, shown.attacks),
    draw=draw,
    caption="""
What moves the attack power on classical feedback of channel states

Each group changes one thing of the separation-based baseline that all are compared with: modulation, code, what is
reconstructed after a failed decode, what is sent of a channel state. Median of the least energy per real channel use
‖s‖²/N that breaks one ({{ (params.csi.broken.values() | list)[0].label }}) over that of the unchanged baseline, at the
middle and the highest SNR, under the attacks that all baselines of a group were hit with; over
{{ params.evaluation.attack_images | number }} test samples of {{ csi }}. Bars: 95% intervals, bootstrap over samples.
""",
)
