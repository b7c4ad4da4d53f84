"""Tasks of one event loop that ask for rows by key, as fast as each is answered.

    tasks_worker.py loop|thread|requests URL BACKEND TASKS SECONDS

`loop` uses the asynchronous manager, `thread` Django's own way (one thread for all of them), and
`requests` the same as an ASGI server has it: a thread, and a connection, for each request. Prints
{"latencies", "errors", "threads"} as JSON.
"""

import asyncio
import json
import sys
import threading
import time

KIND, URL, BACKEND = sys.argv[1:4]
TASKS, SECONDS = int(sys.argv[4]), float(sys.argv[5])
ROWS = 1000
sys.path.insert(0, BACKEND)

import django
from django.conf import settings

ENTRY = {"ENGINE": "django_hrana", "NAME": URL, "OPTIONS": {"async_connections": TASKS}}
settings.configure(DATABASES={"default": ENTRY | {"CONN_MAX_AGE": None}}, USE_TZ=True)
django.setup()

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connection, connections, models

from django_hrana import aio


class Item(models.Model):  # noqa: D101 (a plain script)
    name = models.CharField(max_length=100)
    number = models.IntegerField()

    objects = aio.Manager()
    plain = models.Manager()  # noqa: DJ012 (it is no field)

    class Meta:
        app_label = "tasks"
        db_table = "tasks_item"


def prepare():
    """Make the table, and fill it, where it is not there."""
    if Item._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Item)
        Item.plain.bulk_create([Item(name=f"item {n}", number=n) for n in range(ROWS)])
    connection.close()


async def ask_in_loop(key):
    return await Item.objects.aget(pk=key)


async def ask_in_thread(key):
    return await Item.plain.aget(pk=key)


async def ask_as_request(key):
    async with ThreadSensitiveContext():
        item = await Item.plain.aget(pk=key)
        await sync_to_async(connections.close_all)()
        return item


ASK = {"loop": ask_in_loop, "thread": ask_in_thread, "requests": ask_as_request}[KIND]


async def main():
    """Let all tasks ask for so long."""
    latencies, errors, threads = [], [], []
    await asyncio.gather(*(ASK(number % ROWS + 1) for number in range(TASKS)))  # connects
    end = time.perf_counter() + SECONDS

    async def work(number):
        while (began := time.perf_counter()) < end:
            key = number % ROWS + 1
            try:
                item = await ASK(key)
                assert item.number == key - 1
            except Exception as error:
                errors.append(f"{type(error).__name__}: {error}"[:200])
            latencies.append(time.perf_counter() - began)
            threads.append(threading.active_count())
            number += TASKS

    await asyncio.gather(*(work(number) for number in range(TASKS)))
    answer = {"latencies": latencies, "errors": errors, "threads": max(threads, default=0)}
    print(json.dumps(answer))


if __name__ == "__main__":
    prepare()
    if SECONDS:
        asyncio.run(main())
    else:
        print(json.dumps({"latencies": [], "errors": [], "threads": 0}))
