"""Measured numbers and intervals as people write them: in figures, reports, pages and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A measured number: "−1,250", "0.0417", "1.4·10⁷", "∞", and a dash for none."""
    if math.isnan(value) or math.isinf(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if float(mantissa) == 0:
        return "0"
    if -5 < int(exponent) < 6:
        text = f"{value:,.0f}" if int(exponent) > digits - 1 else f"{float(f'{mantissa}e{exponent}'):.{digits + 4}g}"
        return text.replace("-", "−")
    power = str(int(exponent)).translate(_RAISED)
    return f"{float(mantissa):g}·10{power}".replace("-", "−")


def interval(value: float, low: float, high: float, unit: str = "") -> str:
    """A measured number and its interval, where it has one that says more than the number; `unit` behind both."""
    ends = [number(low), number(high)]
    said = number(value)
    if said == "–":
        return said
    return f"{said}{unit}" if "–" in ends or ends == [said, said] else f"{said}{unit} [{', '.join(ends)}{unit}]"


def span(values: Iterable[float]) -> str:
    """From the least to the largest of some measured numbers; one number where they read the same."""
    found = list(values)
    ends = [number(end) for end in (min(found), max(found))] if found else [number(math.nan)]
    return ends[0] if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]}"
