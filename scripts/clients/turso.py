"""Turso's own client, `@tursodatabase/api`, against our fake of Turso: does the fake speak true?

What it asks and is answered is kept without tokens, and asked again by
`tests/autoforge/operations/turso/test_fake_turso.py`.
"""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from launch.tools import ROOT

from clients.recorder import Recorder
from tests.support.fake_turso import FakeTurso

__all__ = ["run"]

RECORDING: Final = ROOT / "tests" / "data" / "turso" / "api-client.json"
SECONDS: Final = 120
# A database's token, and the text of a platform token.
JWT: Final = re.compile(r'"eyJ[^"]+"')
PLATFORM: Final = re.compile(r'("token": )"(?!ci")[^"]+"')


def run(command: Sequence[str], *, record: bool) -> subprocess.CompletedProcess[str]:
    """Run the program; its output has a line for each check."""
    with tempfile.TemporaryDirectory(prefix="autoforge-turso-") as folder:
        fake = FakeTurso(Path(folder))
        recorder = Recorder(fake.url, {"platform": fake.token})
        try:
            done = subprocess.run(  # noqa: S603 (our own program)
                command,
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "TURSO_URL": recorder.url,
                    "TURSO_TOKEN": fake.token,
                    "TURSO_ORGANIZATION": fake.organization,
                },
                stdout=subprocess.PIPE,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        finally:
            recorder.close()
            fake.close()
    for fault in fake.faults:
        print(f"not as Turso's document has it: {fault}")
        done.returncode = 1
    if record and done.returncode == 0:
        text = json.dumps(recorder.exchanges, indent=1)
        text = PLATFORM.sub(r'\1"(token)"', JWT.sub('"(jwt)"', text))
        RECORDING.write_text(text + "\n", encoding="utf-8")
    return done
