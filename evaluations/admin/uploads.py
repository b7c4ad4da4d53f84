"""Several files sent with a form, some of them perhaps packed as ZIP; they stay in memory."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from unfold.widgets import UnfoldAdminFileFieldWidget

from evaluations.engine.errors import SuiteError

__all__ = ["MAX_FILES", "FilesField", "unpack_uploads"]

MAX_FILES: Final = 500
CHUNK: Final = 64 * 1024
NAME_LENGTH: Final = 200  # characters of a name in an archive
# zipfile unpacks these; a name of another method would be an error of its own.
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class FilesInput(UnfoldAdminFileFieldWidget):
    """Lets several files be chosen."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; the cleaned value is their list."""

    widget = FilesInput

    def clean(self, data: object, initial: object = None) -> list[UploadedFile[Any]]:
        """Return the files, each checked as one file is."""
        files = data if isinstance(data, list | tuple) else [data]
        cleaned = (super(FilesField, self).clean(file, initial) for file in files)
        return [file for file in cleaned if file]


def unpack_uploads(files: Sequence[UploadedFile[Any]], *, limit: int) -> dict[str, bytes]:
    """Return name → content of files; of a ZIP file what is in it, by the paths there.

    Args:
        files: what was sent.
        limit: how many bytes all of them may hold when they are unpacked.

    Raises:
        SuiteError: there is too much, or an archive is damaged; names the file.
    """
    contents: dict[str, bytes] = {}
    left = limit
    for file in files:
        name = str(file.name)
        is_archive = name.lower().endswith(".zip")
        members = _members(file, left) if is_archive else iter([(name, file.read(left + 1))])
        for member, content in members:
            left -= len(content)
            if left < 0:
                megabytes = limit // 1024 // 1024
                raise SuiteError("upload.too-large", at=name, megabytes=megabytes)
            if member in contents:
                raise SuiteError("upload.file-twice", at=name, member=member)
            if len(contents) == MAX_FILES:
                raise SuiteError("upload.too-many-files", at=name, limit=MAX_FILES)
            contents[member] = content
    return contents


def _members(file: UploadedFile[Any], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield what an archive holds, each file up to one byte beyond the limit."""
    left = limit
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name = member.filename
                parts = name.split("/")
                if member.is_dir() or parts[0] == "__MACOSX" or parts[-1].startswith("."):
                    continue
                if len(name) > NAME_LENGTH or name.startswith("/") or ".." in parts:
                    raise SuiteError("upload.unsafe-name", at=file.name)
                if member.flag_bits & 1 or member.compress_type not in METHODS:
                    raise SuiteError("upload.packing", at=file.name, name=name)
                content = _unpack(archive, member, left)
                left -= len(content)
                yield name, content
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError):
        raise SuiteError("upload.not-zip", file=file.name) from None


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> bytes:
    # The size that an archive tells is not believed: what comes out is counted.
    content = bytearray()
    with archive.open(member) as stream:
        while len(content) <= limit and (chunk := stream.read(CHUNK)):
            content += chunk
    return bytes(content)
