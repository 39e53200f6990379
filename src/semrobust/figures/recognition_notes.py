"""What the figures of hu2022 say below: the noise, how systems were trained, and which checks of the noise fail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, recognition

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CHECKS = {
    "monotone": "accuracy falls as ε grows",
    "iterated_vs_single": "iterated noise hurts as much as a single step",
    "single_vs_random": "a single step hurts as much as random signs",
    "zero_is_clean": "ε = 0 is no noise",
    "zero_gradients": "few gradients are exactly zero",
    "white_box_vs_transfer": "own noise hurts as much as others' noise",
    "channel_blind_vs_aware": "noise without the channel hurts as much as through it",
}
"""What each check of `attack_sanity.csv` expects."""

BAD = ("violated", "flagged")

_NUMBERS = {1: "One", 2: "Two"}
"""So few steps are an economy."""


def noise_note(inputs: base.FigureInputs, rows: pd.DataFrame) -> str:
    """What SN stands for, and what the bands are; `rows` are those shown."""
    given, noisy = inputs.settings["recognition"], recognition.under(rows, inputs, True)
    named = inputs.settings["labels"]["noise"][given["default_noise"]]
    norm = f", {recognition.epsilon(given['default_level'], str(noisy['norm'].iloc[0]))}" if len(noisy) else ""
    return f"SN: semantic noise ({named}{norm}), made against each system itself. {bands_note(rows)}"


def bands_note(rows: pd.DataFrame, what: str = "Bands") -> str:
    """What the intervals are, as the table says."""
    return f"{what}: {', '.join(rows['interval'].dropna().unique()) or 'no intervals'}."


def training_notes(inputs: base.FigureInputs, systems: Iterable[str]) -> list[str]:
    """One sentence for each way in which some of `systems` were trained against an adversary."""
    labels, ways = inputs.settings["labels"]["classifiers"], dict[str, list[str]]()
    for name in dict.fromkeys(systems):
        if adversary := _adversary(inputs.settings["classifiers"], name):
            ways.setdefault(_described(adversary), []).append(labels[name])
    return [f"{way}: {', '.join(names)}." for way, names in ways.items()]


def _adversary(classifiers: Plain, name: str) -> Plain | None:
    """The adversary in the training of a system, or of the one whose network it took over unchanged."""
    given: Plain | None = classifiers.get(name)
    while given is not None and given["training"] is None:
        given = classifiers.get(given["start"])
    return given["training"]["adversarial"] if given else None


def _described(adversary: Plain) -> str:
    steps, perturbed = adversary["iterations"], adversary["weight_perturbation"]
    return (
        f"{_NUMBERS.get(steps, steps)}-step adversarial training"
        f"{' with random start' if adversary['random_start'] else ''}"
        f"{', where the paper iterates' if steps in _NUMBERS else ''} "
        f"({recognition.epsilon(adversary['epsilon_levels'], adversary['norm'])}, step {adversary['step_share']:g} ε, "
        f"{f'weight perturbation {perturbed:g}' if perturbed is not None else 'no weight perturbation'})"
    )


def sanity_notes(inputs: base.FigureInputs, systems: Iterable[str]) -> list[str]:
    """One sentence if any check of the noise against one of `systems` is violated or flagged."""
    table, labels = inputs.tables["attack_sanity"], inputs.settings["labels"]["classifiers"]
    bad = table[table["system"].isin(list(systems)) & table["verdict"].isin(BAD)]
    said = [
        f"“{CHECKS.get(str(check), check)}” {verdict} for {', '.join(labels[name] for name in rows['system'].unique())}"
        for (check, verdict), rows in bad.groupby(["check", "verdict"], sort=False)
    ]
    return [f"Doubtful noise (see extra_attack_sanity): {'; '.join(said)}."] if said else []


def finish(figure: Figure, inputs: base.FigureInputs, images: pd.Series[int], notes: list[str]) -> None:
    """Write the footer, and lengthen the sheet by its lines so that the panels keep their height."""
    canvas.footer(figure, inputs, images.tolist(), notes)
    lines = 1 + figure.get_supxlabel().count("\n")
    figure.set_figheight(figure.get_figheight() + 0.12 * lines * canvas.scale())
