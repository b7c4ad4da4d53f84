"""The loop of the workers: a request in a line of JSON, an answer in a line of JSON."""

import json
import sys
import time
import traceback


def answer_requests(operations):
    """Answer requests {"operation", "times", "seconds"} until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        times = []
        try:
            limit = time.perf_counter() + request["seconds"]
            while len(times) < request["times"] and (not times or time.perf_counter() < limit):
                started = time.perf_counter()
                operations[request["operation"]]()
                times.append(time.perf_counter() - started)
            answer = {"times": times}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
