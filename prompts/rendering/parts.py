"""Parts of a message: texts, images and files, as a chat stores them.

    {"type": "text", "text": "…"}
    {"type": "image", "url": "https://…"}                           or data:image/png;base64,…
    {"type": "file", "name": "report.pdf", "url": "https://…"}      or data:application/pdf;…

OpenAI's form of the same is read as well. Texts and addresses are templates. What an address may be
is checked when it is filled in, and earlier where it has no tags. Nothing is fetched here: models'
services do that.
"""

import base64
import binascii
import hashlib
import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["MEDIA_TYPES", "Fault", "Part", "find_address_fault", "parse_parts", "show_part"]

MEDIA_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("image/png", "image/jpeg", "image/gif", "image/webp"),
    "file": ("application/pdf",),
}
"""What data of each type of part may be: what the services of models read."""
DETAILS: Final = ("auto", "low", "high")
MOST_PARTS: Final = 100  # of a message; services take fewer images than that
LONGEST_NAME: Final = 255
LONGEST_ADDRESS: Final = 8192  # characters of one that is not data: as servers take them
MOST_BYTES: Final = 5 * 1024 * 1024  # of data: what Anthropic takes as one image
EXCERPT: Final = 100  # characters of what was sent, in a problem
DATA: Final = re.compile(r"data:([^;,]*);base64,(.*)", re.DOTALL | re.IGNORECASE)
NUMBER: Final = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
PASSWORD: Final = re.compile(r"//[^/?#]*@")
# Control characters, blanks and backslashes: programs read an address with them differently.
UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a message or a part, before it is known where that stands."""

    code: str
    """That of its sentence, without `template.`."""
    params: Mapping[str, object]
    """The sentence's parameters."""
    part: int | None = None
    """The number of the part that has it, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of a message."""

    type: str
    """"text", "image" or "file"."""
    text: str = ""
    """What a text says."""
    url: str = ""
    """Where an image or a file is: https, http or data with base64."""
    name: str = ""
    """What a file is called."""
    media_type: str = ""
    """What a file is, such as application/pdf; empty: as its data says."""
    detail: str = ""
    """How closely OpenAI's models look at an image: auto, low, high; empty: as they choose."""

    @property
    def template(self) -> str:
        """What is filled with values: the text, or the address."""
        return self.text if self.type == "text" else self.url

    def as_json(self) -> dict[str, str]:
        """Return the part as a chat stores it."""
        names = {"text": ("text",), "image": ("url",), "file": ("name", "url")}[self.type]
        value = {"type": self.type}
        value |= {name: getattr(self, name) for name in names}
        for name in ("media_type", "detail"):
            if getattr(self, name):
                value[name] = getattr(self, name)
        return value


def parse_parts(value: list[object]) -> tuple[Part, ...] | Fault:
    """Return the parts of a message, or the first fault of them."""
    if not value or len(value) > MOST_PARTS:
        return Fault("part-count", {"limit": MOST_PARTS})
    parts = []
    for number, entry in enumerate(value, start=1):
        part = _parse_part(entry)
        if not isinstance(part, Part):
            return Fault("part-form", {"found": part}, number)
        parts.append(part)
    return tuple(parts)


def _parse_part(entry: object) -> Part | str:
    """Return a part, or what it has that no part has."""
    if not isinstance(entry, dict):
        return "no keys"
    kind = entry.get("type")
    fields = {str(key): value for key, value in entry.items()}
    if kind == "image_url":
        fields = _from_openai(fields, "image_url", {"url": "url", "detail": "detail"}, "image")
    elif kind == "file" and "file" in entry:
        fields = _from_openai(fields, "file", {"filename": "name", "file_data": "url"}, "file")
    elif kind == "file" and "data" in entry and "url" not in entry:
        data = fields.pop("data")
        fields["url"] = f"data:{entry.get('media_type')};base64,{data}"
    return _build(fields)


def _from_openai(
    fields: dict[str, object], key: str, names: Mapping[str, str], kind: str
) -> dict[str, object]:
    """Return the fields of a part in our words; what has none keeps its name, and is refused."""
    inner = fields.get(key)
    if set(fields) != {"type", key} or not isinstance(inner, dict):
        return fields
    renamed = {names.get(str(name), str(name)): value for name, value in inner.items()}
    return {**renamed, "type": kind}


KEYS: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "text": ({"type", "text"}, set()),
    "image": ({"type", "url"}, {"detail"}),
    "file": ({"type", "name", "url"}, {"media_type"}),
}
"""Type of a part → its keys, and those that it may have besides."""


def _build(fields: dict[str, object]) -> Part | str:
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in KEYS:
        return f"the type {str(kind)[:EXCERPT]}"
    needed, optional = KEYS[kind]
    if not needed <= set(fields) <= needed | optional:
        return ", ".join(fields)[:EXCERPT]
    texts = {}
    for name, value in fields.items():
        if not isinstance(value, str):
            return f"{name} that is not a string"
        texts[name] = value
    if not _is_name(texts.get("name", "x")):
        return "name that is empty or too long"
    if texts.get("detail", "auto") not in DETAILS:
        return f"the detail {texts['detail'][:EXCERPT]}"
    return Part(**texts)


def _is_name(name: str) -> bool:
    return bool(name.strip()) and len(name) <= LONGEST_NAME and name.isprintable()


def find_address_fault(part: Part) -> Fault | None:
    """Return what is wrong with the address of an image or a file, None where nothing is."""
    if part.type == "text":
        return None
    if part.url[:5].lower() == "data:":
        return _find_data_fault(part)
    if part.media_type and part.media_type not in MEDIA_TYPES[part.type]:
        return _wrong_media(part, part.media_type)
    if len(part.url) > LONGEST_ADDRESS:
        return Fault("part-address-length", {"limit": LONGEST_ADDRESS})
    if not _is_address(part.url):
        shown = PASSWORD.sub("//…@", part.url)
        return Fault("part-address", {"found": shown[:EXCERPT]})
    return None


def _is_address(url: str) -> bool:
    """Whether everybody reads the same host in an address, and finds no password in it."""
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port  # a port may be no number
    except ValueError:
        return False
    if address.scheme not in ("https", "http") or port == 0 or UNFIT.search(url):
        return False
    return address.username is None and _is_host(host)


def _is_host(host: str) -> bool:
    """Whether a host is a name, or a number as everybody writes it.

    Browsers and services also read 2130706433, 0x7f.1 and ①②⑦.1 as 127.0.0.1; who checks where an
    address leads must not take those for names (https://url.spec.whatwg.org/#ends-in-a-number-checker).
    """
    folded = unicodedata.normalize("NFKC", host).replace("。", ".").rstrip(".")
    if ":" in host or not NUMBER.fullmatch(folded.rpartition(".")[2]):
        return bool(folded)
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _find_data_fault(part: Part) -> Fault | None:
    match = DATA.fullmatch(part.url)
    if match is None:
        return Fault("part-data", {"found": part.url[:EXCERPT]})
    media_type, data = match[1].lower(), match[2]
    if media_type not in MEDIA_TYPES[part.type]:
        return _wrong_media(part, media_type)
    if part.media_type not in ("", media_type):
        return _wrong_media(part, part.media_type)
    # Before it is decoded: three bytes are four characters.
    if len(data) // 4 * 3 > MOST_BYTES:
        return Fault("part-size", {"limit": MOST_BYTES // 1024**2})
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        return Fault("part-data", {"found": part.url[:EXCERPT]})
    return None


def _wrong_media(part: Part, media_type: str) -> Fault:
    allowed = ", ".join(MEDIA_TYPES[part.type])
    return Fault("part-media-type", {"found": media_type[:EXCERPT], "allowed": allowed})


def show_part(part: Part) -> str:
    """Return a part as people read it: data as what it is and its hash, everything else in full."""
    if part.type == "text":
        return part.text
    address = part.url
    match = DATA.fullmatch(address)
    if match is not None and "{" not in address:
        digest = hashlib.sha256(match[2].encode()).hexdigest()[:16]
        address = f"data:{match[1]}, {len(match[2]) // 4 * 3} bytes, sha256 {digest}…"
    details = [part.type, part.name, part.media_type, address, part.detail]
    return f"[{' '.join(text for text in details if text)}]"
