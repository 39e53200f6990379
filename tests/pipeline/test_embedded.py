"""A record inside a picture: it comes out whole, other programs read both, and no change goes unseen."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pypdf
import pytest
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from semrobust.pipeline import embedded
from semrobust.pipeline import record as provenance

KEYWORD = "XML:com.adobe.xmp"


def record(label: str = "a < b & (c) \\ „ü“ </semrobust:record>") -> dict[str, Any]:
    """What the record of a figure determines, as `Work.determined` gives it."""
    settings, inputs = {"label": label}, {"table/clean-0": {".csv": "00"}}
    key = provenance.key("figure", "fig", settings, {}, ["0"])
    return {
        "format": provenance.FORMAT, "id": provenance.identity(key, inputs),
        "job": {"kind": "figure", "name": "fig", "key": key}, "settings": settings, "recipe": {}, "needs": [*inputs],
        "code": "0" * 64, "inputs": inputs, "lineage": {}, "dataset": {},
    }  # fmt: skip


@pytest.fixture(params=["pdf", "png"])
def picture(request: pytest.FixtureRequest) -> bytes:
    figure, drawn = Figure(figsize=(2, 1)), io.BytesIO()
    first, second = figure.subplots(1, 2)
    first.plot([1, 2], alpha=0.5)
    second.imshow(np.arange(9.0).reshape(3, 3))
    metadata = {"Creator": "x", "CreationDate": None} if request.param == "pdf" else {"Title": "x"}
    figure.savefig(drawn, format=request.param, metadata=metadata)
    return drawn.getvalue()


def test_what_is_put_in_comes_out(picture: bytes) -> None:
    content = embedded.embed(picture, record())
    assert content == embedded.embed(picture, record())
    inside = embedded.extract(content)
    assert inside
    assert inside.problem is None
    assert {key: inside.record[key] for key in record()} == record()
    assert embedded.extract(picture) is None


def test_another_record_takes_its_place(picture: bytes) -> None:
    content = embedded.embed(embedded.embed(picture, record()), record("other"))
    assert content.count(b"<semrobust:record>") == 1
    inside = embedded.extract(content)
    assert inside
    assert (inside.problem, inside.record["settings"]) == (None, {"label": "other"})


def test_other_programs_read_picture_and_record(picture: bytes) -> None:
    content = embedded.embed(picture, record())
    if content.startswith(b"%PDF"):
        pdf, before = (pypdf.PdfReader(io.BytesIO(given), strict=True) for given in (content, picture))
        assert content[:8] == picture[:8]
        assert len(pdf.pages) == 1
        assert pdf.metadata == before.metadata
        assert pdf.pages[0].extract_text() == before.pages[0].extract_text()
        held = pdf.root_object["/Metadata"]
        assert isinstance(held, pypdf.generic.StreamObject)
        packet = held.get_data().decode()
    else:
        with Image.open(io.BytesIO(content)) as image, Image.open(io.BytesIO(picture)) as drawn:
            assert image.tobytes() == drawn.tobytes()
            assert (image.info["dpi"], image.info["Title"]) == (drawn.info["dpi"], "x")
            packet = image.info[KEYWORD]
    description = ElementTree.fromstring(packet.split("?>", 1)[1].rsplit("<?", 1)[0])[0][0]
    assert description[0].text == f"semrobust:{record()['id']}"
    assert json.loads(str(description[1].text))["inputs"] == record()["inputs"]
    (plain,) = re.findall(rb"<semrobust:record>(.*?)</", content, re.DOTALL)  # uncompressed: a search finds it
    assert json.loads(unescape(plain.decode()))["settings"] == record()["settings"]


@pytest.mark.parametrize("name", ["first_edition.pdf", "first_edition.png"])
def test_a_picture_of_the_first_edition_contradicts_a_change_of_what_it_shows_or_says(name: str) -> None:
    content = (Path(__file__).parent / "files" / name).read_bytes()
    inside = embedded.extract(content)
    assert inside
    assert (inside.problem, inside.record["job"]["name"]) == (None, "old")
    start, said = content.index(b"<semrobust:record>"), content.index(b"</semrobust:record>")
    drawn = content.rindex(b"%%EOF" if name.endswith("pdf") else b"iTXt", 0, start)
    for place in (*range(8, drawn - 4, 7), *range(start, said, 7)):
        changed = bytearray(content)
        changed[place] ^= 1
        found = embedded.extract(bytes(changed))
        assert found is None or found.problem, place


def repainted(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        image.putpixel((0, 0), (1, 2, 3, 255))
        return saved(image, {"Title": "x", KEYWORD: image.info[KEYWORD]})


def renamed(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return saved(image, {"Title": "y", KEYWORD: image.info[KEYWORD]})


def saved(image: Image.Image, texts: dict[str, str]) -> bytes:
    out, written = io.BytesIO(), PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        written.add_itxt(keyword, text)
    image.save(out, "PNG", pnginfo=written)
    return out.getvalue()


def redrawn(content: bytes) -> bytes:
    """The PDF with another page behind the record."""
    pdf, out = pypdf.PdfWriter(clone_from=io.BytesIO(content)), io.BytesIO()
    pdf.pages[0].rotate(90)
    pdf.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("picture", "change"),
    [
        ("png", repainted), ("png", renamed), ("pdf", redrawn), ("pdf", lambda content: content + b"\n"),
        ("pdf", lambda content: content.replace(b"/Creator (x)", b"/Creator (y)")),
    ],
    indirect=["picture"],
)  # fmt: skip
def test_a_changed_picture_contradicts_its_record(picture: bytes, change: Callable[[bytes], bytes]) -> None:
    content = embedded.embed(picture, record())
    changed = change(content)
    assert changed != content
    inside = embedded.extract(changed)
    assert inside
    assert inside.problem == "it is not the picture that was drawn with this record"


def test_a_changed_record_contradicts_itself(picture: bytes) -> None:
    key = str(record()["job"]["key"])
    inside = embedded.extract(embedded.embed(picture, record() | {"inputs": {"table/clean-0": {".csv": "11"}}}))
    assert inside
    assert "its id does not follow" in str(inside.problem)
    inside = embedded.extract(embedded.embed(picture, record()).replace(key.encode(), b"0" * len(key)))
    assert inside
    assert inside.problem  # of a PNG, the checksum of the text is wrong too


def test_files_that_are_no_pictures_say_nothing() -> None:
    for content in (b"", b"%PDF-1.7 from elsewhere", b"\x89PNG\r\n\x1a\n"):
        assert embedded.extract(content) is None
    damaged = embedded.extract(b"%PDF-1.4 <semrobust:record>{")
    assert damaged
    assert damaged.problem == "its embedded record is damaged"
