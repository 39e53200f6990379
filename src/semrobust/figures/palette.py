"""Colours that can be printed: the run's palette for systems, its faint ones last, and tones for all else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import seaborn

from semrobust.figures import base

_WHOLE = 10  # colours of a palette for names
_PALE, _GREY = 0.65, 0.05  # luminance, and the difference of a grey's red, green and blue


def looks(inputs: base.FigureInputs, section: str) -> dict[str, base.Look]:
    """`base.looks` in colours that can be printed."""
    return base.looks(_printable(inputs), section)


def colors(inputs: base.FigureInputs, count: int) -> list[base.Color]:
    """`base.colors` that can be printed."""
    return list(base.colors(_printable(inputs), count))


def tones(count: int) -> list[base.Color]:
    """So many colours from dark to light for what is no system, such as a criterion: told apart in grey, too."""
    whole = seaborn.color_palette("mako", 100)
    return [whole[round(place)] for place in np.linspace(20, 80, count)]


def _printable(inputs: base.FigureInputs) -> base.FigureInputs:
    """With all colours of the palette, those last that are hardly seen on white or grey, and none too pale."""
    count = max(map(len, inputs.settings["labels"].values()), default=1)
    whole = dict.fromkeys(base.colors(inputs, max(count, _WHOLE)))
    plot = inputs.settings["plot"] | {"palette": [_dark_enough(color) for color in sorted(whole, key=_is_faint)]}
    return replace(inputs, settings=inputs.settings | {"plot": plot})


def _is_faint(color: base.Color) -> bool:
    """Whether a line of this colour is hardly seen on white, or is grey, which means what stands behind."""
    return _luminance(color) > _PALE or max(color) - min(color) < _GREY


def _dark_enough(color: base.Color) -> base.Color:
    red, green, blue = color
    shade = min(1.0, _PALE / max(_luminance(color), _PALE))
    return shade * red, shade * green, shade * blue


def _luminance(color: base.Color) -> float:
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), color, strict=True))
