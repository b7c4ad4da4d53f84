"""Numbers for Prometheus: `/metrics` of the site, and a port of its own in a worker of the queue.

    middleware ──▶ definitions ◀── recording        counted as it happens, in every process
    endpoint   ──▶ exposition  ──▶ readings         read when Prometheus asks
    listener   ──▶ exposition

`folder` is where the processes of a server put what they count, so that one of them can add it up;
`access` says who is answered. Nothing here is loaded by a command that serves nobody.
"""
