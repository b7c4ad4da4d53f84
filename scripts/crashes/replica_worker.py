"""One of the processes of `make crash-replica`: writes at random, and reads what it has written.

    python replica_worker.py DATABASES-entry-as-JSON NUMBER SEQUENCES SEED

Rows are its own, so that what they must hold is known: what it wrote last. Each read goes to the
replica if that is fresh enough, as in any Django project. It prints a line when it is ready, one
for each hundred sequences, and at the end its counts as JSON; status 1 if it ever read the past.
"""

import json
import random
import sys
import threading
import time
from collections import Counter
from typing import ClassVar

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": json.loads(sys.argv[1])},
    INSTALLED_APPS=[],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import OperationalError, connection, models, transaction  # noqa: E402 (set up first)

NUMBER, SEQUENCES, SEED = map(int, sys.argv[2:])
ROWS = 20
COUNTS: Counter[str] = Counter()


class Entry(models.Model):  # noqa: DJ008 (nobody shows it)
    """A row that one process owns."""

    owner = models.IntegerField()
    place = models.IntegerField()
    value = models.IntegerField()
    text = models.TextField()

    objects: ClassVar[models.Manager["Entry"]] = models.Manager()

    class Meta:
        app_label = "crashes"
        db_table = "entry"


class Writer:
    """Writes, and remembers what is there."""

    def __init__(self, owner: int, chance: random.Random) -> None:
        self.owner = owner
        self.chance = chance
        self.values: dict[int, int] = {}
        self.known = True
        """Whether it is sure what the last write has done."""

    def start(self) -> None:
        """Read from the server what an earlier process of this number has left."""
        with transaction.atomic():
            Entry.objects.filter(owner=self.owner, value=-1).delete()
        self.values = dict(self._mine().values_list("place", "value"))

    def write(self) -> None:
        """Write something, in one of the ways there are."""
        place = self.chance.randrange(ROWS)
        value = self.chance.randrange(1 << 40)
        text = "x" * self.chance.choice((1, 50, 3000))
        way = self.chance.randrange(6)
        if place not in self.values:
            Entry.objects.create(owner=self.owner, place=place, value=value, text=text)
        elif way == 0:
            self._mine().filter(place=place).delete()
            del self.values[place]
            return
        elif way == 1:
            with transaction.atomic():
                entry = self._mine().select_for_update().get(place=place)
                entry.value, entry.text = value, text
                entry.save()
        elif way == 2:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE entry SET value = %s WHERE owner = %s AND place = %s",
                    [value, self.owner, place],
                )
        elif way == 3:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "UPDATE entry SET value = %s WHERE owner = %s AND place = %s",
                    [[0, self.owner, place], [value, self.owner, place]],
                )
        elif way == 4:
            entry = self._mine().get(place=place)  # may come from the replica
            entry.value = value
            Entry.objects.bulk_update([entry], ["value"])
        else:
            self._mine().filter(place=place).update(value=value)
        self.values[place] = value

    def check(self) -> None:
        """Compare what is read with what is there.

        Raises:
            AssertionError: it is the past.
        """
        before = connection.connection.round_trips
        rows = dict(self._mine().values_list("place", "value"))
        COUNTS["remote" if connection.connection.round_trips > before else "local"] += 1
        if rows != self.values:
            raise AssertionError(f"{rows} instead of {self.values}")

    def _mine(self) -> "models.QuerySet[Entry]":
        return Entry.objects.filter(owner=self.owner)


def run(writer: Writer, sequences: int) -> None:
    """Write and read."""
    connection.ensure_connection()
    try:
        done = 0
        while done < sequences:
            try:
                if not writer.known:
                    writer.start()
                    writer.known = True
                writer.write()
                for _read in range(writer.chance.randrange(1, 5)):
                    writer.check()
                    # Now at once, now when the replica may have followed.
                    time.sleep(writer.chance.choice((0, 0, 0.002, 0.05, 0.2)))
            except OperationalError:  # the server was killed
                COUNTS["failed"] += 1
                writer.known = False
                time.sleep(0.1)
                continue
            done += 1
            COUNTS["sequences"] += 1
    finally:
        connection.close()


def main() -> int:
    """Run two threads of sequences; return 1 if one read the past."""
    faults: list[str] = []

    def work(owner: int, sequences: int) -> None:
        writer = Writer(owner, random.Random(f"{SEED} {owner}"))  # noqa: S311 (no secret)
        writer.known = False
        try:
            run(writer, sequences)
        except AssertionError as error:
            faults.append(f"owner {owner}: {error}")

    print("ready", flush=True)
    threads = [
        threading.Thread(target=work, args=(2 * NUMBER, SEQUENCES - SEQUENCES // 2)),
        threading.Thread(target=work, args=(2 * NUMBER + 1, SEQUENCES // 2)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({**COUNTS, "faults": faults}), flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
