"""A record inside a picture, so that a copied figure still says where it came from.

Both PNG and PDF carry it where the formats have room for metadata, as an XMP packet (ISO 16684-1): in PNG the text with
the keyword `XML:com.adobe.xmp`, in PDF the catalog's `/Metadata`. The packet is not compressed, so common tools and a
search for `<semrobust:record>` find it.

Beside the record stands a hash of the picture: for PNG of pixels and other texts, since chunks have checksums of their
own, for PDF of all bytes of the file, with zeros in place of the hash.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pypdf
from PIL.PngImagePlugin import PngImageFile, PngInfo
from pypdf.generic import NameObject, StreamObject

from semrobust.config.settings import Plain
from semrobust.pipeline.files import canonical_json
from semrobust.pipeline.record import checked, contradiction, sealed

_KEYWORD, _METADATA, _PNG_END = "XML:com.adobe.xmp", NameObject("/Metadata"), b"\0\0\0\0IEND\xaeB`\x82"
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:semrobust="urn:semrobust:provenance#">
<dc:identifier>{identity}</dc:identifier>
<semrobust:record>{record}</semrobust:record>
<semrobust:picture>{picture}</semrobust:picture>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
_RECORD, _PICTURE = re.compile("<semrobust:record>(.*?)</", re.DOTALL), re.compile("<semrobust:picture>(.*?)</")
_OTHER = "it is not the picture that was drawn with this record"
_HASH, _UNKNOWN = re.compile(rb"(?<=<semrobust:picture>)[0-9a-f]{64}"), "0" * 64


@dataclass(frozen=True)
class Embedded:
    """A record found in a picture, and how picture and record contradict each other, if they do."""

    record: Plain
    problem: str | None


def embed(picture: bytes, record: Mapping[str, Any]) -> bytes:
    """Return a PNG or PDF with `record` in it, in place of any that it has; equal arguments give equal bytes."""
    texts = {"identity": f"semrobust:{record['id']}", "record": canonical_json(sealed(record))}
    texts = {key: html.escape(text, quote=False) for key, text in texts.items()}
    if not _is_pdf(picture):
        return _png_with(picture, _PACKET.format(picture=_shown(picture), **texts))
    content = _pdf_with(picture, _PACKET.format(picture=_UNKNOWN, **texts))
    return _HASH.sub(_shown(content).encode(), content)


def extract(content: bytes) -> Embedded | None:
    """Return the record in the bytes of a PNG or PDF, None if there is none that can be read."""
    try:
        packet = _packet(content)
        record = json.loads(html.unescape(_RECORD.findall(packet)[-1]))
        if "format" not in record:  # of an earlier release, whose ids followed from other things
            if record["digest"] != sealed(record)["digest"]:
                return Embedded(record, "its embedded record was edited")
            same = hashlib.sha256(_without_packet(content)).hexdigest() == record["picture"]
            return Embedded(record, None if same else _OTHER)
        checked({**record, "outputs": {}})
        wrong = contradiction(record)
        same = _shown(content) in _PICTURE.findall(packet)
    except Exception:  # a damaged file can make its reader raise anything
        found = b"<semrobust:record>" in content
        return Embedded({}, "its embedded record is damaged") if found else None
    if wrong:
        return Embedded(record, f"its embedded record was edited: {wrong}")
    return Embedded(record, None if same else _OTHER)


def _is_pdf(content: bytes) -> bool:
    return content.startswith(b"%PDF")


def _opened(png: bytes) -> PngImageFile:
    """The picture, all of it read: texts may stand behind the pixels."""
    image = PngImageFile(io.BytesIO(png))
    image.load()
    return image


def _packet(content: bytes) -> str:
    """The packet in a picture; empty, or an error of the reader, if there is none."""
    if _is_pdf(content):
        held = pypdf.PdfReader(io.BytesIO(content)).root_object[_METADATA]
        assert isinstance(held, StreamObject)
        return held.get_data().decode()
    return str(_opened(content).text.get(_KEYWORD, ""))


def _shown(content: bytes) -> str:
    """The hash that stands in the packet."""
    if _is_pdf(content):
        return hashlib.sha256(_HASH.sub(_UNKNOWN.encode(), content)).hexdigest()
    image = _opened(content)
    others = {keyword: text for keyword, text in image.text.items() if keyword != _KEYWORD}
    said = canonical_json([image.mode, image.size, others, content.endswith(_PNG_END)])
    return hashlib.sha256(said.encode() + image.tobytes()).hexdigest()


def _without_packet(content: bytes) -> bytes:
    """The picture as it was before an earlier release added its packet: a chunk to PNG, an update to the end of PDF."""
    packet = content.rindex(b"<semrobust:record>")
    if _is_pdf(content):
        end = b"%%EOF\n"
        return content[: content.rindex(end, 0, packet) + len(end)]
    start = content.rindex(b"iTXt" + _KEYWORD.encode(), 0, packet) - 4
    return content[:start] + content[start + 12 + int.from_bytes(content[start : start + 4]) :]


def _png_with(picture: bytes, packet: str) -> bytes:
    image, texts, out = _opened(picture), PngInfo(), io.BytesIO()
    for keyword, text in image.text.items():
        if keyword != _KEYWORD:
            texts.add_text(keyword, text)
    texts.add_itxt(_KEYWORD, packet)
    image.save(out, "PNG", pnginfo=texts, dpi=image.info.get("dpi"))
    return out.getvalue()


def _pdf_with(picture: bytes, packet: str) -> bytes:
    reader, out = pypdf.PdfReader(io.BytesIO(picture)), io.BytesIO()
    pdf = pypdf.PdfWriter(clone_from=reader)
    pdf.pdf_header = reader.pdf_header
    held = pdf.root_object.get(_METADATA)
    stream = None if held is None else held.get_object()
    if not isinstance(stream, StreamObject):
        stream = StreamObject()
        stream.update({NameObject("/Type"): _METADATA, NameObject("/Subtype"): NameObject("/XML")})
        pdf.root_object[_METADATA] = pdf._add_object(stream)
    stream.set_data(packet.encode())
    pdf.write(out)
    return out.getvalue()
