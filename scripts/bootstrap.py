"""Make `.venv` and install what a requirements file pins: `python bootstrap.py requirements.txt`.

Runs on the system's Python with the standard library alone. This file is the part that an old
Python (from 3.6) still reads, to say so; the work is in `launch.venv`.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (started by hand, the Python may be any)
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.stderr.write(
        f"AutoForge needs Python 3.11 or newer, but {sys.executable} is {found}. Install a newer "
        "Python, or specify one: make run PYTHON=/path/to/python3.11\n"
    )
    sys.exit(1)

from launch.venv import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
