"""A record inside a picture: other programs find it, the picture stays as it is, equal arguments give equal bytes."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure
from PIL import Image, PdfParser

from semrobust.pipeline import embedded
from semrobust.pipeline import record as provenance
from semrobust.pipeline.jobs import Job

JOB = Job("figure", "fig", {"label": "a < b & (c) \\ „ü“ </semrobust:record>"}, ("semrobust.pipeline.seeds",))
RECORD = {
    "id": provenance.identity(JOB, {"a.csv": "00"}),
    "job": {"kind": JOB.kind, "name": JOB.name, "key": JOB.key},
    "settings": JOB.settings,
    "code": JOB.code,
    "inputs": {"a.csv": "00"},
    "lineage": {},
    "dataset": {},
}


@pytest.fixture(params=["pdf", "png"])
def picture(request: pytest.FixtureRequest) -> bytes:
    drawn = io.BytesIO()
    Figure(figsize=(1, 1)).savefig(
        drawn, format=request.param, metadata={"Creator": "x"} if request.param == "pdf" else {}
    )
    return drawn.getvalue()


def test_what_is_put_in_comes_out(picture: bytes) -> None:
    content = embedded.embed(picture, RECORD)
    assert content == embedded.embed(picture, RECORD)
    inside = embedded.extract(content)
    assert inside
    assert inside.problem is None
    assert {key: inside.record[key] for key in RECORD} == RECORD
    assert embedded._remove(content) == picture
    assert embedded.extract(picture) is None


def test_other_programs_read_picture_and_record(picture: bytes) -> None:
    content = embedded.embed(picture, RECORD)
    if content.startswith(b"%PDF"):
        pdf = PdfParser.PdfParser(buf=content)
        assert len(pdf.pages) == 1
        assert pdf.info[b"Creator"] == b"x"
        packet = bytes(pdf.read_indirect(pdf.root[b"Metadata"]).decode()).decode()
    else:
        with Image.open(io.BytesIO(content)) as image, Image.open(io.BytesIO(picture)) as before:
            assert image.tobytes() == before.tobytes()
            packet = image.info["XML:com.adobe.xmp"]
            packet = packet if isinstance(packet, str) else packet.decode()
    description = ElementTree.fromstring(packet.split("?>", 1)[1].rsplit("<?", 1)[0])[0][0]
    assert description[0].text == f"semrobust:{RECORD['id']}"
    assert json.loads(str(description[1].text))["inputs"] == {"a.csv": "00"}


def test_a_file_of_another_program_is_refused() -> None:
    with pytest.raises(ValueError, match="not a PDF as matplotlib writes it"):
        embedded.embed(b"%PDF-1.7 from elsewhere", RECORD)
