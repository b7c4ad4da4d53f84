"""Serves a model file on loopback: `python -m evaluations.engine.providers.local_server FILE N`.

Prints its address, and ends when its standard input does: with whoever started it.
"""

import sys

__all__ = ["main"]


def main() -> int:
    """Serve until standard input ends; return 0."""
    import xllamacpp  # an optional package

    path, parallel = sys.argv[1], int(sys.argv[2])
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_parallel = parallel
    parameters.n_ctx = 2048 * parallel
    parameters.port = 0
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"\n{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    main()
