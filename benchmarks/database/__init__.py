"""`make bench-db`: the libSQL backend beside SQLite and beside other clients, in one run."""
