"""A fake `docker`, put on PATH under that name: it records what it is asked, and pretends.

In the folder FAKE_DOCKER: `calls.jsonl` what it was asked, `running.json` service → image,
`images.json` the images on the host, `faults.json` what is to fail: a list of objects with `match`
(part of the command line), `says`, `status` and how many `times`, or `until`: a file that it waits
for first.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ.get("FAKE_DOCKER", "."))


def read(name, default):
    path = FOLDER / name
    return json.loads(path.read_text()) if path.exists() else default


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value))


def read_env():
    """Return what Compose would read: .env of the folder that it is started in."""
    text = Path(".env").read_text() if Path(".env").exists() else ""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def digest(image):
    repository = image.rpartition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def record(arguments):
    variables = {name: os.environ[name] for name in ("IMAGE_NEXT",) if name in os.environ}
    call = {"arguments": arguments, "env": read_env() | variables, "stdin": ""}
    if "--password-stdin" in arguments:
        call["stdin"] = sys.stdin.read()
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def fail(line):
    """Fail, or wait, as the faults say."""
    faults = read("faults.json", [])
    for fault in faults:
        if fault["match"] not in line or not fault["times"]:
            continue
        fault["times"] -= 1
        write("faults.json", faults)
        if "until" in fault:
            Path(fault["until"] + ".reached").touch()
            deadline = time.monotonic() + 60
            while not Path(fault["until"]).exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            continue
        sys.stderr.write(fault["says"] + "\n")
        sys.exit(fault["status"])


def image_of(service):
    env = read_env()
    colour = service.partition("-")[2]
    return env.get(f"IMAGE_{colour.upper()}") or env.get("IMAGE", "")


def compose(arguments):
    running = read("running.json", {})
    if "up" in arguments:
        running[arguments[-1]] = image_of(arguments[-1])
    elif "stop" in arguments:
        running.pop(arguments[-1], None)
    elif "exec" in arguments and arguments[arguments.index("exec") + 2] not in running:
        sys.stderr.write("service is not running\n")
        sys.exit(1)
    elif "run" in arguments:
        sys.stdout.write(f"ran {arguments[arguments.index('manage') + 1]}\n")
    write("running.json", running)


def image(arguments):
    images = read("images.json", [])
    if arguments[0] == "inspect":
        sys.stdout.write(digest(arguments[-1]) + "\n")
    elif arguments[0] == "ls":
        for name in images:
            repository = name.rpartition(":")[0]
            if repository == arguments[-1]:
                tag = name.rpartition(":")[2]
                sys.stdout.write(f"{digest(name)} {name} id-{tag}\n")
    elif arguments[0] == "rm":
        write("images.json", [n for n in images if f"id-{n.rpartition(':')[2]}" != arguments[-1]])


def main():
    arguments = sys.argv[1:]
    record(arguments)
    fail(" ".join(arguments))
    if arguments[0] == "pull":
        write("images.json", [*read("images.json", []), arguments[-1]])
    elif arguments[0] == "image":
        image(arguments[1:])
    elif arguments[0] == "compose":
        compose(arguments[1:])


if __name__ == "__main__":
    main()
