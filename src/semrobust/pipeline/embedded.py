"""A record inside a picture, so that a copied figure still says where it came from.

Both PNG and PDF carry it where the formats have room for metadata, as an XMP packet (ISO 16684-1): in PNG the chunk
`iTXt` with the keyword `XML:com.adobe.xmp`, in PDF the catalog's `/Metadata`, added by an incremental update
(ISO 32000-1, 7.5.6) that leaves the bytes of the drawing as they are. The packet is not compressed, so common tools
and a search for `<semrobust:record>` find it.

A file cannot hold its own hash. The embedded record holds that of the file without the packet (`picture`): whatever is
changed in what is shown, down to a pixel, or in other metadata, contradicts it.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semrobust.config.settings import Plain
from semrobust.pipeline.files import canonical_json
from semrobust.pipeline.record import checked, contradiction, sealed

_PNG = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp\0"
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:semrobust="urn:semrobust:provenance#">
<dc:identifier>{identity}</dc:identifier>
<semrobust:record>{record}</semrobust:record>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
_RECORD = re.compile(rb"<semrobust:record>(.*?)</semrobust:record>", re.DOTALL)
_TRAILER = re.compile(rb"trailer\n<< /Size (\d+) /Root (\d+) 0 R /Info (\d+) 0 R >>\nstartxref\n(\d+)\n%%EOF\n$")


@dataclass(frozen=True)
class Embedded:
    """A record found in a picture, and how picture and record contradict each other, if they do."""

    record: Plain
    problem: str | None


def embed(picture: bytes, record: Mapping[str, Any]) -> bytes:
    """Return a PNG, or a PDF as matplotlib writes it, with `record` in it; equal arguments give equal bytes."""
    return _insert(picture, sealed({**record, "picture": hashlib.sha256(picture).hexdigest()}))


def extract(content: bytes) -> Embedded | None:
    """Return the record in the bytes of a PNG or PDF, None if there is none that can be read."""
    found = _RECORD.findall(content)
    try:
        record = json.loads(html.unescape(found[-1].decode()))
        if "format" in record:
            checked({**record, "outputs": {}})
            wrong = contradiction(record)
        else:  # of an earlier release, whose keys and ids followed from other fields
            wrong = (
                None if record["digest"] == sealed(record)["digest"] else "its digest does not follow from its fields"
            )
        picture = _remove(content)
        written = _insert(picture, record)
    except (IndexError, KeyError, TypeError, ValueError, struct.error):
        return None if not found else Embedded({}, "its embedded record is damaged")
    if wrong:
        return Embedded(record, f"its embedded record was edited: {wrong}")
    if record.get("picture") != hashlib.sha256(picture).hexdigest() or written != content:
        return Embedded(record, "it is not the picture that was drawn: its bytes are not those its own record names")
    return Embedded(record, None)


def _insert(picture: bytes, record: Plain) -> bytes:
    identity, text = f"semrobust:{record['id']}", canonical_json(record)
    escaped = {"identity": html.escape(identity, quote=False), "record": html.escape(text, quote=False)}
    packet = _PACKET.format(**escaped).encode()
    return _in_png(picture, packet) if picture.startswith(_PNG) else _in_pdf(picture, packet)


def _remove(content: bytes) -> bytes:
    """The picture before the packet was put in. Raises ValueError where there is none."""
    packet = content.rindex(b"<semrobust:record>")
    if not content.startswith(_PNG):
        return content[: content.rindex(b"%%EOF\n", 0, packet) + len(b"%%EOF\n")]
    start = content.rindex(b"iTXt" + _KEYWORD, 0, packet) - 4
    (length,) = struct.unpack(">I", content[start : start + 4])
    return content[:start] + content[start + 12 + length :]


def _in_png(picture: bytes, packet: bytes) -> bytes:
    """Add the packet as the last chunk but the end (12 bytes)."""
    chunk = b"iTXt" + _KEYWORD + b"\0\0\0\0" + packet  # not compressed, no language, no translated keyword
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return picture[:-12] + framed + picture[-12:]


def _in_pdf(picture: bytes, packet: bytes) -> bytes:
    """Append the packet as a new object, and a catalog that names it."""
    trailer = _TRAILER.search(picture)
    if trailer is None:
        raise ValueError("not a PDF as matplotlib writes it")
    size, root, info, previous = (int(number) for number in trailer.groups())
    catalog = re.search(rb"\n%d 0 obj\n<<(.*?)>>\nendobj" % root, picture, re.DOTALL)
    if catalog is None:
        raise ValueError("the PDF has no catalog")
    objects = {
        root: b"<<%b/Metadata %d 0 R >>" % (catalog[1], size),
        size: b"<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%b\nendstream" % (len(packet), packet),
    }
    added, entries = b"", b""
    for number, body in objects.items():
        entries += b"%d 1\n%010d 00000 n \n" % (number, len(picture) + len(added))
        added += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    return (
        picture
        + added
        + (
            b"xref\n%btrailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n"
            % (entries, size + 1, root, info, previous, len(picture) + len(added))
        )
    )
