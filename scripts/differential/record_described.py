"""Record what promptfoo sends for the HTTP providers of tests/evaluations/providers/described.py.

    .venv/bin/python scripts/differential/record_described.py [FOLDER OF PROMPTFOO]

Each is asked once by the real promptfoo, of a fake on loopback; a test compares ours with it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from differential.promptfoo import command, environment, install  # noqa: E402 (needs the path)
from tests.evaluations.providers.described import DESCRIBED, REPLY, VARIABLES  # noqa: E402
from tests.support.fake_endpoint import FakeEndpoint, Reply  # noqa: E402

FILE: Final = ROOT / "tests" / "evaluations" / "providers" / "described_by_promptfoo.json"
KEPT: Final = ("content-type", "authorization", "x-api-key", "x-name", "x-team")
TOKEN: Final = "team-token-1234"  # noqa: S105 (of a fake)


def record(promptfoo: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the requests of one configuration, and what promptfoo took as the answer."""
    fake = FakeEndpoint(Reply(body=REPLY))
    host = fake.url.removeprefix("http://")
    text = json.dumps(config).replace("{host}", host)
    test = {"vars": VARIABLES, "options": {"disableVarExpansion": True}}
    provider = {"id": f"{fake.url}/ask", "config": json.loads(text)}
    suite = {"prompts": ["Hi {{name}}"], "providers": [provider], "tests": [test]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "c.json").write_text(json.dumps(suite))
        arguments = ["eval", "-c", "c.json", "-o", "o.json", "--no-table", "--no-cache"]
        subprocess.run(  # noqa: S603 (our own configuration)
            [*command(promptfoo), *arguments, "--no-progress-bar"],
            cwd=folder,
            env={**environment(folder), "TEAM_TOKEN": TOKEN},
            check=False,  # its status says that a case failed
            stdout=subprocess.DEVNULL,
        )
        [row] = json.loads((folder / "o.json").read_text())["results"]["results"]
    fake.close()
    requests = []
    for came in fake.requests:
        headers = {name: value for name, value in came.headers.items() if name in KEPT}
        requests.append({**vars(came), "headers": headers})
    output = (row.get("response") or {}).get("output")
    return {"requests": requests, "output": output, "error": row.get("error")}


def main() -> None:
    """Record them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".cache" / "promptfoo"
    promptfoo = install(folder)
    recorded = {name: record(promptfoo, config) for name, config in DESCRIBED.items()}
    FILE.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
