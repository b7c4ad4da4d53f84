"""What the tests let workers do; nothing of it is run by the tests' own process."""

import os
import pathlib
import sys
import time


def echo(value):
    return value


def process_id():
    return os.getpid()


def nap(seconds):
    time.sleep(seconds)


def spin():
    while True:
        pass


def sum_without_end():
    """One operation of the interpreter, which no signal handler of Python interrupts."""
    return sum(range(10**10))


def fill_memory():
    return len([bytearray(10_000_000) for _ in range(1000)])


def abort():
    os.abort()


def leave():
    os._exit(7)


def fail():
    raise ValueError("no")


def return_object():
    return lambda: None


def return_class():
    return OSError("told")


def surroundings():
    folder = pathlib.Path("/proc/self/fd")
    files = [os.path.realpath(file) for file in folder.iterdir()] if folder.is_dir() else []
    return {
        "environment": dict(os.environ),
        "files": files,
        "folder": str(pathlib.Path.cwd()),
        "django": "django" in sys.modules,
    }
