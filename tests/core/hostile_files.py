"""Files that mean harm, and what reading each of them takes: each in a process of its own."""

import json
import os
import resource
import sys
import time

from core.tables import UnreadableError, open_table
from tests.support.workbooks import make_sheet, make_workbook

HOSTILE = {
    "a row far away": lambda: (
        "xlsx",
        make_workbook(make_sheet([["a"]], xml='<row r="2000000000"><c t="str"><v>x</v></c></row>')),
    ),
    "a million rows": lambda: (
        "xlsx",
        make_workbook(make_sheet([["a"]], xml="<row><c t='str'><v>x</v></c></row>" * 1_000_000)),
    ),
    "a workbook of 300 MB": lambda: (
        "xlsx",
        make_workbook(make_sheet([["a"]], xml="<row>" + " " * 70_000_000 + "</row>")),
    ),
    "a million attributes": lambda: (
        "xlsx",
        make_workbook(
            make_sheet([["a"]], xml="<row " + " ".join(f'a{n}="1"' for n in range(200_000)) + "/>")
        ),
    ),
    "elements inside each other": lambda: (
        "xlsx",
        make_workbook(make_sheet([["a"]], xml="<x>" * 500_000)),
    ),
    "far columns": lambda: (
        "xlsx",
        make_workbook(
            make_sheet([["a"]], xml='<row><c r="ZZZ2" t="str"><v>x</v></c></row>' * 5000)
        ),
    ),
    "entities": lambda: (
        "xlsx",
        make_workbook(
            '<!DOCTYPE l [<!ENTITY a "ha">'
            + "".join(
                f'<!ENTITY a{n} "&a{n - 1 if n else ""};&a{n - 1 if n else ""};">'
                for n in range(40)
            )
            + "]>"
            + make_sheet([["&a39;"]])
        ),
    ),
    "a quote never closed": lambda: ("csv", b'a,b\n"' + b'""' * 4_000_000),
    "commas": lambda: ("csv", b"a,b\n" + b"," * 8_000_000),
    "carriage returns": lambda: ("csv", b"\r" * 4_000_000),
    "columns": lambda: ("csv", b",".join(b"c%d" % n for n in range(200_000)) + b"\n"),
    "rows": lambda: ("csv", b"a,b\n" + b"1,2\n" * 110_000),
    "deep JSON": lambda: ("json", b"[" * 1_000_000),
    "many lists": lambda: ("json", b"[" + b"[]," * 3_000_000 + b"[]]"),
    "long numbers": lambda: ("json", b'[{"a":' + b"9" * 1_000_000 + b"}]"),
    "blank lines": lambda: ("jsonl", b"{}\n" + b" \n" * 4_000_000),
    "aliases of aliases": lambda: (
        "yaml",
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9))
            for n in range(9)
        ),
    ),
    "merged maps": lambda: (
        "yaml",
        b"- a: &k0 {x: 1}\n"
        + b"".join(
            b"  k%d: &k%d {<<: [*k%d, *k%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 40)
        ),
    ),
    "deep YAML": lambda: ("yaml", b"[" * 200_000),
    "deep blocks": lambda: ("yaml", b"- " * 200_000 + b"a"),
    "many YAML values": lambda: ("yaml", b"- {a: t, b: x}\n" * 80_000),
    "YAML documents": lambda: ("yaml", b"---\n" * 300_000),
    "a tag of Python": lambda: ("yaml", b"- a: !!python/object/apply:os.system [x]\n"),
    "hexadecimal digits": lambda: ("yaml", b"- a: 0x" + b"f" * 2_000_000),
}


def attempt(name):
    """Read a file; return how many records it has, None where it is refused."""
    file_format, raw = HOSTILE[name]()
    made_seconds = time.process_time()
    made_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records = failure = None
    try:
        records = len(open_table(raw, file_format))
    except UnreadableError:
        pass
    except Exception as error:  # noqa: BLE001 (the test tells it)
        failure = repr(error)[:300]
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - made_kilobytes
    return {
        "name": name,
        "records": records,
        "failure": failure,
        "seconds": time.process_time() - made_seconds,
        "megabytes": kilobytes // 1024,
    }


if __name__ == "__main__":
    for hostile in HOSTILE:
        sys.stdout.flush()
        if not (child := os.fork()):
            sys.stdout.write(json.dumps(attempt(hostile)) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
