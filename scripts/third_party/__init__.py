"""Tests of other people's Django packages on a real libSQL server, compared with SQLite."""
