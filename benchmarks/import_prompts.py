"""Import 10,000 and 50,000 generated rows with the real command; print time and memory.

Each run is a process of its own on a fresh SQLite file. The limit it is held against is measured
in the same run: the same rows read by the csv module and written by plain sqlite3 into tables of
the same schema, with nothing checked.

    make bench-import
"""

import csv
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10_000, 50_000)
BATCH = 500
WORDS = (
    "Answer",
    "the",
    "{question}",
    "in",
    "会議の",
    "要約を",
    "三行で",
    "ください",
    "naïve",
    "façade",
)
INSERT_PROMPT = (
    "INSERT INTO prompts (id, name, title, content, user_id, status, current_version,"
    " tags, description, kind, syntax, variables, config, includes, metadata)"
    " VALUES (?, ?, ?, ?, '', 'draft', 1, '[]', '', 'text', 'plain', '[]', '{}', '[]',"
    " json_object('lang', ?))"
)
INSERT_VERSION = (
    "INSERT INTO prompt_versions (id, prompt_id, number, content, content_hash, author,"
    " change_note, kind, syntax, variables, config, includes)"
    " VALUES (?, ?, 1, ?, ?, '', '', 'text', 'plain', '[]', '{}', '[]')"
)


def generate(path: Path, rows: int) -> None:
    """Write a CSV file of `rows` prompts of about 400 characters, the same at each call."""
    chance = random.Random(rows)  # noqa: S311 (data, no secret)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["act", "prompt", "lang"])
        for number in range(rows):
            text = " ".join(chance.choices(WORDS, k=60))
            writer.writerow([f"Prompt {number}", text, "ja"])


def manage(database: Path, *arguments: str) -> tuple[float, float]:
    """Run a command; return its seconds and its peak memory in MiB."""
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}", "APP_ENV": "local"}
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 (our own)
    # Not process.wait(): only the system knows the peak of a process, and only once.
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def write_plainly(database: Path, source: Path) -> float:
    """Write the rows with sqlite3 alone; return the seconds."""
    started = time.perf_counter()
    with source.open(encoding="utf-8", newline="") as file, sqlite3.connect(database) as connection:
        reader = csv.reader(file)
        next(reader)  # the head
        while True:
            prompts = []
            versions = []
            for title, text, language in islice(reader, BATCH):
                key = uuid.uuid4().hex
                name = title.lower().replace(" ", "-")
                prompts.append((key, name, title, text, language))
                content_hash = hashlib.sha256(text.encode()).hexdigest()
                versions.append((uuid.uuid4().hex, key, text, content_hash))
            if not prompts:
                break
            connection.executemany(INSERT_PROMPT, prompts)
            connection.executemany(INSERT_VERSION, versions)
    return time.perf_counter() - started


def main() -> int:
    """Measure and print the table; return 0."""
    print(f"{'rows':>8} {'seconds':>8} {'rows/s':>8} {'peak MiB':>9} {'plain s':>8} {'ratio':>6}")
    peaks = []
    for rows in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "prompts.csv"
            database = Path(folder) / "ours.db"
            plain = Path(folder) / "plain.db"
            generate(source, rows)
            manage(database, "migrate", "--verbosity=0")
            manage(plain, "migrate", "--verbosity=0")
            seconds, peak = manage(database, "import_prompts", str(source))
            limit = write_plainly(plain, source)
        peaks.append(peak)
        rate, ratio = rows / seconds, seconds / limit
        print(f"{rows:>8} {seconds:>8.1f} {rate:>8.0f} {peak:>9.0f} {limit:>8.2f} {ratio:>6.1f}")
    print(f"peak memory at {SIZES[1]:,} rows ÷ at {SIZES[0]:,}: {peaks[1] / peaks[0]:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
