"""A few test images under rising attack power, as every receiver reconstructs them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

# inches at scale 1
_LABELS, _GAP, _UNDER, _HEADER, _BLOCK, _MARGIN, _FOOTER = 1.62, 0.05, 0.17, 0.42, 0.14, 0.08, 0.42
_LABEL_CHARACTERS = 28
_BROKEN = "#b8320a"


def draw(inputs: base.FigureInputs) -> Figure:
    """One block of rows per image: the original at the left, then what each system delivers."""
    assert inputs.gallery is not None
    with np.load(inputs.gallery, allow_pickle=False) as arrays:
        gallery = dict(arrays)
    systems, images, columns = gallery["images"].shape[:3]
    side = (canvas.WIDTH - _LABELS - 2 * _MARGIN) / (columns + 1) - _GAP
    block = systems * (side + _UNDER) + _BLOCK
    height = _HEADER + images * block + _FOOTER
    figure = canvas.sheet(height, layout=None)
    headers = _headers(gallery)
    for image in range(images):

        def picture(row: float, column: int, pixels: Any, image: int = image) -> Axes:
            """Draw an image; row and column count from the top left of this image's block."""
            left = _MARGIN + _LABELS + column * (side + _GAP)
            bottom = height - _HEADER - image * block - row * (side + _UNDER) - side
            axes = figure.add_axes((left / canvas.WIDTH, bottom / height, side / canvas.WIDTH, side / height))
            axes.imshow(pixels, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            if image == 0 and row == 0:
                _small(axes.set_title, headers[column], pad=3)
            return axes

        original = picture(0, 0, gallery["originals"][image])
        _small(original.set_xlabel, f"image {image + 1}", labelpad=1.5)
        for system in range(systems):
            for column in range(columns):
                axes = picture(system, column + 1, gallery["images"][system, image, column])
                _caption(axes, float(gallery["psnr_db"][system, image, column]), inputs)
            middle = (height - _HEADER - image * block - system * (side + _UNDER) - side / 2) / height
            figure.text(_MARGIN / canvas.WIDTH, middle, _row_label(inputs, gallery, system), va="center",
                        fontsize=canvas.SMALL * canvas.scale(), linespacing=1.25)  # fmt: skip
    notes = [
        f"Channel SNR {float(gallery['snr_db']):g} dB. PSR: attack power over signal power. Below each image its "
        f"PSNR; red frame: the attack succeeds (PSNR ≤ {inputs.settings['success_psnr_db']:g} dB)."
    ]
    canvas.footer(figure, inputs, [images], notes)
    return figure


def _small(write: Callable[..., object], text: str, **options: Any) -> None:
    write(text, fontsize=canvas.SMALL * canvas.scale(), **options)


def _headers(gallery: dict[str, Any]) -> list[str]:
    """Titles of the columns, with a true minus sign."""
    return ["original", "no attack", *(f"PSR\n{psr_db:g} dB".replace("-", "−") for psr_db in gallery["psr_db"])]


def _caption(axes: Axes, psnr_db: float, inputs: base.FigureInputs) -> None:
    """Write the PSNR below an image and frame it if the image is broken."""
    broken = psnr_db <= inputs.settings["success_psnr_db"]
    _small(axes.set_xlabel, f"{psnr_db:.1f} dB", labelpad=1.5, color=_BROKEN if broken else "black")
    if broken:
        for spine in axes.spines.values():
            spine.set(color=_BROKEN, linewidth=1.4 * canvas.scale())


def _row_label(inputs: base.FigureInputs, gallery: dict[str, Any], system: int) -> str:
    """Names of a row's system and of the attack on it, as the other figures write them."""
    labels = inputs.settings["labels"]
    name, attack = str(gallery["systems"][system]), str(gallery["attacks"][system])
    texts = (labels["systems"].get(name, name), f"attack: {labels['attacks'].get(attack, attack)}")
    return "\n".join(line for text in texts for line in textwrap.wrap(text, _LABEL_CHARACTERS))


FIGURE = base.Figure(
    gallery=True,
    shows=(shown.systems, shown.attacks, shown.success),
    draw=draw,
    caption="""
Test images under rising attack power

What each receiver reconstructs of the same test images of {{ dataset }} at a channel SNR of
{{ params.evaluation.gallery_snr_db | number }} dB, without an attack and under its cheapest attack at rising attack
over signal power (PSR). Below each image its PSNR; red: the attack succeeds (PSNR ≤
{{ params.evaluation.success_psnr_db | number }} dB). Look at how they fail: a separation-based baseline gives nothing
but grey as soon as decoding fails. A learned receiver reconstructs an image with something burnt in, which PSNR counts
as broken all the same.
""",
)
