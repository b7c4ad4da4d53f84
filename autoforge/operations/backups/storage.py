"""S3-compatible storage, by obstore (an optional package: 16 MB, half of boto3 with all it needs).

Credentials and addresses come from AWS's own variables, as every tool of its kind reads them:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for other services.
Files are sent and received in parts, so that memory does not depend on their size.
"""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from django.conf import settings

from autoforge.operations.backups.errors import BackupError
from autoforge.operations.backups.failures import FULL
from autoforge.operations.backups.progress import OnProgress, Progress, ignore_progress

__all__ = ["S3", "Bucket", "default_target", "is_s3"]

SCHEME: Final = "s3://"
PART_BYTES: Final = 8 << 20  # of 10,000 parts: 80 GB
PARTS_AT_ONCE: Final = 2
RETRY_SECONDS: Final = 60
ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def is_s3(target: str) -> bool:
    """Whether a target is in S3."""
    return target.startswith(SCHEME)


def default_target() -> str:
    """Return where backups go unless somebody says otherwise: BACKUP_TO, or data/backups/."""
    target: str = settings.BACKUP_TO or "data/backups/"
    return target if is_s3(target) else f"{Path(settings.BASE_DIR) / target}/"


@dataclass(frozen=True, kw_only=True, slots=True)
class S3:
    """A place in a bucket."""

    bucket: str
    """The bucket's name."""
    key: str
    """The object's key; of a folder, what keys in it begin with."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse s3://bucket/key.

        Raises:
            BackupError: it names no bucket.
        """
        bucket, _, key = url.removeprefix(SCHEME).partition("/")
        if not bucket or "?" in url:
            raise BackupError(
                f"{url} names no bucket; write s3://bucket/key or s3://bucket/folder/."
            )
        return cls(bucket=bucket, key=key)

    @property
    def is_folder(self) -> bool:
        """Whether it stands for many objects."""
        return not self.key or self.key.endswith("/")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"


class Bucket:
    """A bucket, whose errors are sentences."""

    def __init__(self, s3: S3, *, seconds: float | None = None) -> None:
        """Nothing is sent yet.

        Args:
            s3: a place in it.
            seconds: how long an answer may take, which is asked for once then; else as long as it
                takes to send a large file.

        Raises:
            BackupError: obstore is not installed, or a variable of AWS is not valid.
        """
        try:
            import obstore  # optional
            from obstore.store import S3Store
        except ImportError as error:
            raise BackupError(
                "The package obstore is not installed, which reads and writes S3; install it with "
                "`pip install obstore`."
            ) from error
        self._obstore = obstore
        self._name = f"{SCHEME}{s3.bucket}"
        endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
        retry: dict[str, Any] = {
            "max_retries": 3,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS),
        }
        client: dict[str, Any] = {}
        options: dict[str, Any] = {"retry_config": retry, "client_options": client}
        if endpoint:
            _check_endpoint(endpoint)
            # A service of one's own has its buckets behind its host's name, and may be in a
            # network where nobody encrypts.
            options["endpoint"] = endpoint
            options["virtual_hosted_style_request"] = False
            client["allow_http"] = endpoint.startswith("http://")
        if seconds is not None:
            retry["max_retries"] = 0
            client["timeout"] = client["connect_timeout"] = timedelta(seconds=seconds)
        with self._explained("opened"):
            self._store = S3Store(s3.bucket, **options)

    def put(self, key: str, file: Path, *, on_progress: OnProgress = ignore_progress) -> None:
        """Store a file under a key: whole, or not at all.

        Raises:
            BackupError: it is not there.
        """
        size = file.stat().st_size
        on_progress(Progress(stage="uploading", done=0, total=size))
        with self._explained(f"written ({key})"):
            self._obstore.put(
                self._store, key, file, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )
            stored = self._obstore.head(self._store, key)["size"]
        if stored != size:
            raise BackupError(
                f"{self._name}/{key} has {stored:,} bytes instead of {size:,}; it is not usable, "
                "try again."
            )
        on_progress(Progress(stage="uploading", done=size, total=size))

    def get(self, key: str, file: Path) -> None:
        """Write an object into a file that is not there yet; only its owner can read it.

        Raises:
            BackupError: it cannot be read.
        """
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out, self._explained(f"read ({key})"):
            for part in self._obstore.get(self._store, key).stream(min_chunk_size=PART_BYTES):
                out.write(part)

    def find_size(self, key: str) -> int | None:
        """Return how many bytes an object has; None where there is none, or no such bucket.

        Raises:
            BackupError: it cannot be asked.
        """
        with self._explained(f"asked ({key})"):
            try:
                return int(self._obstore.head(self._store, key)["size"])
            except (FileNotFoundError, self._obstore.exceptions.NotFoundError):
                return None

    def list(self, prefix: str) -> list[str]:
        """Return the keys in a folder.

        Raises:
            BackupError: they cannot be listed.
        """
        keys = []
        with self._explained("listed"):
            for part in self._obstore.list(self._store, prefix or None):
                keys += [entry["path"] for entry in part]
        return keys

    def delete(self, key: str) -> None:
        """Delete an object.

        Raises:
            BackupError: it cannot be deleted.
        """
        with self._explained(f"cleaned ({key})"):
            self._obstore.delete(self._store, key)

    def _explained(self, what: str) -> "_Explained":
        return _Explained(self._obstore, f"{self._name} cannot be {what}")


def _check_endpoint(endpoint: str) -> None:
    """Check an address, with which the library would end the process.

    Raises:
        BackupError: it is none.
    """
    parts = urlsplit(endpoint)
    has_space = any(character.isspace() for character in endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or has_space:
        raise BackupError("AWS_ENDPOINT_URL must be a URL such as https://s3.example.com.")


class _Explained:
    """Turns obstore's errors into sentences."""

    def __init__(self, obstore: Any, beginning: str) -> None:
        self._errors = obstore.exceptions
        self._beginning = beginning

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or not isinstance(error, self._errors.BaseError | OSError | ValueError):
            return
        if isinstance(error, OSError) and error.errno in FULL:  # of this machine, not of S3
            return
        refused = (self._errors.PermissionDeniedError, self._errors.UnauthenticatedError)
        if isinstance(error, FileNotFoundError | self._errors.NotFoundError):
            cause = "there is no such bucket or object"
        elif isinstance(error, refused):
            cause = "the keys are refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        else:
            [cause, *_rest] = str(error).strip().splitlines() or ["unknown error"]
            cause = f"{cause}; check AWS_ENDPOINT_URL, AWS_REGION and the network"
        raise BackupError(f"{self._beginning}: {cause}.") from error
