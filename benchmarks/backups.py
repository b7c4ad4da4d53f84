"""Backup and restoration of a large database, on SQLite and on a real libSQL server.

    make bench-backup                1 GB
    make bench-backup ARGS="--size 20"    in MB

Each step is `manage.py` in a process of its own: its time, and the most memory that it had. They
are held against what the same bytes take without AutoForge, measured in the same run: `cp`, and
zstd alone. In the end all tables have to be equal. Status 1 where they are not, or where memory
grows with the size.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import zstandard
from launch.sqld import Server

ROOT: Final = Path(__file__).resolve().parent.parent
MEGABYTE: Final = 1_000_000
RECORDS_AT_ONCE: Final = 500
PROMPTS: Final = 200
SMALL_MB: Final = 20  # what memory is compared with
ALLOWED_GROWTH: Final = 1.6
WORDS: Final = [
    "the",
    "answer",
    "of",
    "a",
    "model",
    "会議の",
    "要約を",
    "三行で",
    "naïve",
    "façade",
    "is",
    "in",
    "JSON",
    "\\n",
    "42",
    "not",
]
RECORD: Final = """
INSERT INTO call_records (source, trace_id, span_id, name, provider, model, asked_at, answered_at,
    parameters, messages, variables, output, input_tokens, output_tokens, cost_usd, error,
    prompt_name, caller, metadata, is_cut)
VALUES ('trace', ?, ?, 'chat', 'openai', 'gpt-4.1-mini', '2026-11-01 10:00:00.123456',
    '2026-11-01 10:00:01.654321', '{"temperature": 0.2}', ?, '{}', ?, ?, ?, ?, '', 'greeting',
    'team', '{}', 0)
"""
PROMPT: Final = """
INSERT INTO prompts (id, name, title, content, user_id, status, current_version, tags, description,
    kind, syntax, variables, config, includes, metadata)
VALUES (?, ?, ?, ?, '', 'draft', 1, '[]', '', 'text', 'plain', '[]', '{}', '[]', '{}')
"""


class Step(NamedTuple):
    """What was done, and what it took."""

    name: str
    seconds: float
    peak_mb: float


def manage(name: str, database: str, *arguments: str) -> Step:
    """Run a command; return its time and its peak memory.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "DATABASE_URL": database}
    started = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed with status {process.returncode}")
    return Step(name, time.monotonic() - started, usage.ru_maxrss / 1024)


def generate(path: Path, size_mb: int) -> None:
    """Fill a migrated database with records of calls, and some prompts in the search index."""
    manage("migrate", f"sqlite:///{path}", "migrate", "--verbosity=0")
    chance = random.Random(size_mb)  # noqa: S311 (data, no secret)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        with connection:
            for number in range(PROMPTS):
                text = " ".join(chance.choices(WORDS, k=80))
                row = (f"{number:032x}", f"p{number}", f"Prompt {number}", text)
                connection.execute(PROMPT, row)
        while path.stat().st_size < size_mb * MEGABYTE:
            with connection:
                connection.executemany(RECORD, _make_records(chance))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _make_records(chance: random.Random) -> Iterator[tuple[object, ...]]:
    for _number in range(RECORDS_AT_ONCE):
        question = " ".join(chance.choices(WORDS, k=chance.randint(50, 500)))
        answer = " ".join(chance.choices(WORDS, k=chance.randint(20, 400)))
        yield (
            f"{chance.getrandbits(128):032x}",
            f"{chance.getrandbits(64):016x}",
            json.dumps([{"role": "user", "content": question}], ensure_ascii=False),
            answer,
            chance.randint(10, 5000),
            chance.randint(10, 5000),
            chance.random() / 100,
        )


def measure_plain(source: Path, folder: Path) -> list[Step]:
    """Return what copying and compressing the same bytes takes."""
    started = time.monotonic()
    shutil.copyfile(source, folder / "copy")
    copied = time.monotonic()
    compressor = zstandard.ZstdCompressor(level=3, threads=2)
    with source.open("rb") as stream, (folder / "copy.zst").open("wb") as out:
        compressor.copy_stream(stream, out, size=source.stat().st_size)
    packed = time.monotonic()
    size = (folder / "copy.zst").stat().st_size
    (folder / "copy").unlink()
    (folder / "copy.zst").unlink()
    return [
        Step("plain cp", copied - started, 0),
        Step(f"plain zstd (to {size / MEGABYTE:,.0f} MB)", packed - copied, 0),
    ]


def run(folder: Path, size_mb: int) -> tuple[list[Step], list[Step], bool]:
    """Return what was measured without and with AutoForge, and whether all tables are equal."""
    source = folder / "source.sqlite3"
    generate(source, size_mb)
    plain = measure_plain(source, folder)
    url = f"sqlite:///{source}"
    first, second = folder / "first.zst", folder / "second.zst"
    restored = f"sqlite:///{folder / 'restored.sqlite3'}"
    steps = [
        manage("SQLite: backup_database", url, "backup_database", str(first)),
        manage("verify_backup", url, "verify_backup", str(first)),
        manage("SQLite: restore_database", url, "restore_database", str(first), "--to", restored),
    ]
    source.unlink()
    with Server(folder / "sqld") as server:
        to_server = ("restore_database", str(first), "--to", server.url)
        steps += [
            manage("libSQL: restore_database", restored, *to_server),
            manage("libSQL: backup_database", server.url, "backup_database", str(second)),
        ]
    is_equal = read_tables(first) == read_tables(second)
    return plain, steps, is_equal


def read_tables(path: Path) -> object:
    """Return rows and hash of each table, as a backup lists them."""
    with path.open("rb") as stream:
        head = stream.read(8)
        return json.loads(stream.read(int.from_bytes(head[4:], "little")))["tables"]


def main() -> int:
    """Measure, print, return 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=1000, metavar="MB")
    options = parser.parse_args()
    small: dict[str, float] = {}
    failed = False
    for size in sorted({min(SMALL_MB, options.size), options.size}):
        folder = Path(tempfile.mkdtemp(prefix="autoforge-bench-"))
        (folder / "empty.env").write_text("")
        os.environ["ENV_FILE"] = str(folder / "empty.env")
        try:
            plain, steps, is_equal = run(folder, size)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        baseline = sum(step.seconds for step in plain)
        print(f"{size:,} MB; tables {'equal' if is_equal else 'NOT EQUAL'}")
        for step in plain:
            print(f"  {step.name:<28} {step.seconds:7.1f} s")
        for step in steps:
            ratio = step.seconds / baseline
            print(
                f"  {step.name:<28} {step.seconds:7.1f} s  {ratio:5.1f} × cp and zstd"
                f"  {step.peak_mb:6.0f} MB memory"
            )
            growth = step.peak_mb / small.setdefault(step.name, step.peak_mb)
            if growth > ALLOWED_GROWTH:
                print(f"    {growth:.1f} times the memory that a small database takes")
                failed = True
        failed = failed or not is_equal
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
