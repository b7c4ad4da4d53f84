"""An embedded replica: a copy of the database on this machine, read at SQLite's speed.

The copy is kept by this package's own small replicator, from the server's replication log. Layers,
each knowing only those below:
options | middleware | status → reader → process → syncing | sessions → client | files →
protocol | state
"""
