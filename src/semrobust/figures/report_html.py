"""Pieces of the report as HTML: numbers with few digits, tables that scroll on their own, figures with captions."""

from __future__ import annotations

import base64
import html
import math
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import docutils.core  # type: ignore[import-untyped]

from semrobust.pipeline.captions import Caption

_DIGITS = 3
_STRICT = {
    "report_level": 2,
    "halt_level": 2,  # a caption that reads wrongly stops the report
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "smart_quotes": False,
    "_disable_config": True,  # whatever docutils.conf the user has
}


class Html(str):
    """HTML that a notebook shows as it is; `escape` leaves it alone."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)

    def __add__(self, other: str) -> Html:
        return Html(str(self) + escape(other))


def escape(text: object) -> Html:
    """Text as HTML; what is `Html` already stays."""
    return text if isinstance(text, Html) else Html(html.escape(str(text)))


def joined(pieces: Iterable[Html]) -> Html:
    return Html("\n".join(pieces))


def rst(text: str) -> Html:
    """reStructuredText as HTML; raises docutils.utils.SystemMessage where it is wrong."""
    parts = docutils.core.publish_parts(text, writer="html5", settings_overrides=_STRICT)
    return Html(parts["body"].strip())


def number(value: float, digits: int = _DIGITS) -> Html:
    """A measured number with that many significant digits; an empty cell of a table is a dash."""
    return _with_decimals(value, _decimals(value, digits))


def interval(value: float, low: float, high: float) -> Html:
    """A measured number with its interval in brackets, all with the decimals of the number."""
    decimals = _decimals(value, _DIGITS)
    if decimals and math.isfinite(low + high):  # fewer where the interval is much larger than the number
        decimals = min(decimals, max(_decimals(max(abs(low), abs(high)), _DIGITS) or 0, decimals - 1))
    shown = _with_decimals(value, decimals)
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return shown
    ends = f"[{_with_decimals(low, decimals)}, {_with_decimals(high, decimals)}]"
    return Html(f'{shown} <span class="interval">{ends}</span>')


def percent(value: float, low: float, high: float) -> Html:
    """A share with its interval, in percent with one decimal."""
    if math.isnan(value):
        return Html("–")
    shown = f"{100 * value:.1f}%"
    if math.isnan(low) or math.isnan(high):
        return Html(shown)
    return Html(f'{shown} <span class="interval">[{100 * low:.1f}, {100 * high:.1f}]</span>')


def count(value: float) -> Html:
    """A whole number, thousands apart."""
    return Html("–" if math.isnan(value) else f"{value:,.0f}")


def _decimals(value: float, digits: int) -> int | None:
    """Decimals that show `digits` significant ones; None where powers of ten read better."""
    if not math.isfinite(value) or value == 0:
        return 0
    exponent = math.floor(math.log10(abs(value)))
    return None if exponent < -4 or exponent > 4 else max(0, digits - 1 - exponent)


def _with_decimals(value: float, decimals: int | None) -> Html:
    if math.isnan(value):
        return Html("–")
    if math.isinf(value):
        return Html("∞" if value > 0 else "−∞")
    if decimals is None and value:
        mantissa, exponent = f"{value:.1e}".split("e")
        return Html(f"{mantissa}·10<sup>{int(exponent)}</sup>".replace("-", "−"))
    return Html(f"{value:,.{decimals or 0}f}".replace("-", "−"))


def table(header: Sequence[str], rows: Sequence[Sequence[object]], texts: int = 1, css: str = "") -> Html:
    """A table whose first `texts` columns are text and the others numbers; a sentence if it has no rows."""
    if not rows:
        return Html('<p class="empty">This run has nothing to show here.</p>')

    def line(cells: Sequence[object], tag: str) -> str:
        kinds = ("" if column < texts else ' class="number"' for column in range(len(cells)))
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    # a region that scrolls must be reachable by keyboard
    return Html(
        f'<div class="{f"scroll {css}".strip()}" tabindex="0"><table><thead><tr>{line(header, "th")}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def captioned(content: Html, kind: str, name: str, title: str, caption: Caption, origin: Html) -> Html:
    """`content` above its caption; `title` is "Figure 1" or the like, `origin` says where it came from."""
    said = f"{escape(title)}. {escape(caption.title)}"
    stop = "" if said.endswith("?") else "."
    return Html(
        f'<figure id="{escape(name)}" class="{kind}" data-title="{said}">\n'
        f"{content}\n"
        f"<figcaption><p><strong>{said}{stop}</strong></p>\n"
        f'{rst(caption.body)}\n<p class="origin">{origin}</p></figcaption>\n</figure>'
    )


def picture(png: Path, alternative: str) -> Html:
    """A PNG inside the page, byte for byte, so that what it carries can still be read from it."""
    content = png.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # of the first chunk, so that the page is laid out at once
    data = base64.b64encode(content).decode()
    return Html(
        f'<div class="scroll picture" tabindex="0"><img src="data:image/png;base64,{data}" '
        f'width="{width}" height="{height}" alt="{escape(alternative)}"></div>'
    )


def folded(summary: str, content: Html) -> Html:
    """Content that a click unfolds."""
    return Html(f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>")
