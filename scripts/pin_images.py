"""Container images by digest: `pin_images.py` checks them, with `--update` it asks the registries.

deploy/images.toml lists the images. Whatever names one (Dockerfile, compose files, workflows) says
the same tag and digest, so that what is pulled cannot change behind a tag. An image without a
digest needs a sentence that says why. The check reads files alone; `--update` needs a network.

Exit status: 0 all the same, 1 something differs or a registry did not answer.
"""

import json
import re
import sys
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LIST: Final = "deploy/images.toml"
PLACES: Final = ("Dockerfile", "docker-compose*.yml", ".github/workflows/*.yml")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}\Z")
# What pulls an image in the files above. A name with $ or of our own image is no fixed one.
REFERENCE: Final = re.compile(
    r"^(?:FROM (?P<base>[^\s$]+)"
    r"|\s+image: (?P<service>[^\s$#]+)"
    r"|\s+[A-Z_]*IMAGE: (?P<variable>[^\s$#]+))",
    re.MULTILINE,
)
OURS: Final = "autoforge:local"
TIMEOUT_SECONDS: Final = 20
# A manifest for several platforms; Docker's own name for it, and the standard's.
INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json"
)


class PinError(Exception):
    """An image cannot be pinned; `str()` says which and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image that we use."""

    name: str
    """As it is written in front of the tag."""
    tag: str
    """Which of them."""
    digest: str
    """sha256:…; empty where it is not known."""
    unpinned: str
    """Why there is no digest; empty where there is one."""

    @property
    def reference(self) -> str:
        """Return what files write to pull it."""
        tagged = f"{self.name}:{self.tag}"
        return f"{tagged}@{self.digest}" if self.digest else tagged


def read_images(root: Path) -> list[Image]:
    """Return the images of the list.

    Raises:
        PinError: one has neither a digest nor a reason, or a digest that is none.
    """
    document = tomllib.loads((root / LIST).read_text(encoding="utf-8"))
    images = []
    for row in document["image"]:
        image = Image(
            name=row["name"],
            tag=row["tag"],
            digest=row["digest"],
            unpinned=row.get("unpinned", ""),
        )
        if image.digest and not DIGEST.match(image.digest):
            raise PinError(f"{LIST}: the digest of {image.name} is not sha256: and 64 digits")
        if bool(image.digest) == bool(image.unpinned):
            raise PinError(f"{LIST}: {image.name} needs a digest, or `unpinned` with the reason")
        images.append(image)
    return images


def list_places(root: Path) -> Iterator[Path]:
    """Yield the files that pull images."""
    for pattern in PLACES:
        yield from sorted(root.glob(pattern))


def check(root: Path, images: Sequence[Image]) -> list[str]:
    """Return a sentence for each reference that the list does not have."""
    allowed = {image.reference for image in images}
    problems = []
    used = set()
    for path in list_places(root):
        text = path.read_text(encoding="utf-8")
        for match in REFERENCE.finditer(text):
            reference = match["base"] or match["service"] or match["variable"]
            used.add(reference)
            if reference not in allowed | {OURS}:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(
                    f"{path.relative_to(root)}:{line}: {reference} is not in {LIST} like this; add "
                    "it there, or run scripts/pin_images.py --update"
                )
    for reference in sorted(allowed - used):
        problems.append(f"{LIST}: nothing uses {reference}; remove it")
    return problems


# --- Asking registries ----------------------------------------------------------------------------


def find_digest(image: Image) -> str:
    """Ask the image's registry for the digest of its tag (OCI distribution specification, pull).

    Raises:
        PinError: the registry does not answer, or answers no digest.
    """
    registry, repository = locate(image.name)
    url = f"{registry}/v2/{repository}/manifests/{image.tag}"
    try:
        headers = head(url, {})
    except urllib.error.HTTPError as error:
        challenge = error.headers.get("WWW-Authenticate", "")
        if error.code != 401 or not challenge:  # registries give everybody a token to read with
            raise PinError(
                f"{image.name}:{image.tag}: the registry answered {error.code}"
            ) from None
        try:
            token = fetch_token(challenge)
            headers = head(url, {"Authorization": f"Bearer {token}"})
        except OSError as again:
            raise PinError(f"{image.name}:{image.tag}: {again}") from None
    except OSError as error:
        raise PinError(f"{image.name}:{image.tag}: {error}") from None
    digest = headers.get("Docker-Content-Digest", "")
    if not DIGEST.match(digest):
        raise PinError(f"{image.name}:{image.tag}: the registry answered no digest")
    return digest


def locate(name: str) -> tuple[str, str]:
    """Return the registry's address and the repository in it, as Docker reads a name."""
    host, _, rest = name.partition("/")
    if rest and host.partition(":")[0] in {"localhost", "127.0.0.1"}:
        return f"http://{host}", rest
    if rest and "." in host:
        return f"https://{host}", rest
    repository = name if rest else f"library/{name}"
    return "https://registry-1.docker.io", repository


def head(url: str, headers: dict[str, str]) -> HTTPMessage:
    """Return the headers of an answer."""
    request = urllib.request.Request(url, method="HEAD", headers={"Accept": INDEXES} | headers)  # noqa: S310 (https, or a registry on loopback)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
        return response.headers  # type: ignore[no-any-return]  # urlopen's answer has no type


def fetch_token(challenge: str) -> str:
    """Return a token as WWW-Authenticate says where to get one.

    Raises:
        PinError: it does not say where, or there is none.
    """
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if "realm" not in fields:
        raise PinError(f"the registry asks for a login: {challenge}")
    query = urllib.parse.urlencode({k: v for k, v in fields.items() if k in {"service", "scope"}})
    with urllib.request.urlopen(f"{fields['realm']}?{query}", timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 (the registry's own)
        answer = json.load(response)
    token = answer.get("token") or answer.get("access_token")
    if not token:
        raise PinError(f"{fields['realm']} gave no token")
    return str(token)


def update(root: Path, images: Sequence[Image]) -> list[str]:
    """Write today's digests to the list and to every file; return what changed, a line each.

    Raises:
        PinError: a registry did not answer. Nothing is written then.
    """
    digests = {image: find_digest(image) for image in images}
    changes = []
    text = (root / LIST).read_text(encoding="utf-8")
    files = {path: path.read_text(encoding="utf-8") for path in list_places(root)}
    for image, digest in digests.items():
        if digest == image.digest:
            continue
        changes.append(f"{image.name}:{image.tag} {digest}")
        block = re.compile(
            rf'(name = "{re.escape(image.name)}"\ntag = "{re.escape(image.tag)}"\n)'
            r'digest = "[^"]*"(?:\nunpinned = "[^"]*")?'
        )
        text = block.sub(rf'\g<1>digest = "{digest}"', text)
        new = f"{image.name}:{image.tag}@{digest}"
        old = re.compile(
            rf"{re.escape(image.name)}:{re.escape(image.tag)}(@sha256:[0-9a-f]+)?(?=\s)"
        )
        files = {path: old.sub(new, content) for path, content in files.items()}
    for path, content in files.items():
        path.write_text(content, encoding="utf-8")
    (root / LIST).write_text(text, encoding="utf-8")
    return changes


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Check or update; return the exit status."""
    try:
        images = read_images(root)
        if "--update" in arguments:
            changes = update(root, images)
            print("\n".join(changes) or "Every digest is still the tag's.")
            return 0
        problems = check(root, images)
    except PinError as error:
        sys.stderr.write(f"{error}.\n")
        return 1
    for problem in problems:
        sys.stderr.write(f"{problem}.\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
