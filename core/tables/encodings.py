"""Bytes of a text file as text: UTF-8, UTF-16 and CP932 (Shift-JIS) are recognised.

A byte order mark decides. Without one a file is UTF-8 if it can be; else it is CP932 only where
it says something Japanese, for Windows-1252 can be read as CP932 too, and would become nonsense.
"""

import codecs
import re
from typing import Final

from core.sentences import Sentence
from core.tables.quoting import UnreadableError

__all__ = ["decode"]

MARKS: Final = (
    # UTF-32's mark begins as that of UTF-16 does, so it comes first.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NOT_ASCII: Final = re.compile("[^\x00-\x7f]")
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # other than tabs and line ends
SAMPLE_BYTES: Final = 2048  # even, so that UTF-16 is not cut in two
KANA: Final = re.compile("[\u3040-\u30ff]")
LETTERS_OF_EAST_ASIA: Final = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff60]")


def decode(raw: bytes) -> tuple[str, tuple[Sentence, ...]]:
    """Return the text of a file without its mark, and what to say of its encoding.

    Raises:
        UnreadableError: it is none of the encodings that are read; names the line.
    """
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return _decode_marked(raw[len(mark) :], encoding), ()
    unmarked = _guess_utf16(raw)
    if unmarked:
        return _decode_marked(raw, unmarked), (Sentence("encoding.read-as", encoding="UTF-16"),)
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        japanese = _decode_japanese(raw, error.start)
        if japanese is None:
            raise UnreadableError("encoding.not-utf8", line=_line_of(raw, error.start)) from None
        return japanese, (Sentence("encoding.read-as", encoding="CP932 (Shift-JIS)"),)


def _decode_marked(raw: bytes, encoding: str) -> str:
    if encoding == "utf-32":
        raise UnreadableError("encoding.utf32")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        readable = raw[: error.start].decode(encoding)
        name = "UTF-8" if encoding == "utf-8" else "UTF-16"
        line = readable.count("\n") + 1
        raise UnreadableError("encoding.broken", line=line, encoding=name) from None


def _guess_utf16(raw: bytes) -> str:
    """Return UTF-16's name with the order of its bytes where a file is that without a mark.

    The Latin letters, delimiters and line ends of a header have a NUL as every second byte.
    """
    sample = raw[:SAMPLE_BYTES]
    # One NUL or two may be an accident in a text of another encoding.
    if len(raw) % 2 or sample.count(0) < 3:
        return ""
    first, second = sample[0::2].count(0), sample[1::2].count(0)
    if first and second:
        return ""  # NULs on both sides: a binary file
    encoding = "utf-16-be" if first else "utf-16-le"
    text = sample.decode(encoding, "replace")
    if CONTROL.search(text):
        return ""
    return encoding


def _decode_japanese(raw: bytes, first_error: int) -> str | None:
    """Return the text where the file is CP932, None where it is something else."""
    if not raw[:first_error].isascii():
        return None  # it began as UTF-8 and is damaged: CP932 would hardly begin so
    try:
        text = raw.decode("cp932")
    except UnicodeDecodeError:
        return None
    if KANA.search(text):
        return text
    foreign = NOT_ASCII.findall(text)
    plausible = 0
    for letter in LETTERS_OF_EAST_ASIA.findall(text):
        # Windows-1252 read as CP932 joins an accented letter and the ASCII letter after it to a
        # sign whose second byte is ASCII.
        if letter.encode("cp932", "replace")[-1] >= 0x80:
            plausible += 1
    if plausible * 2 < len(foreign):
        return None
    return text


def _line_of(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1
