"""Readers and writers of suites: one file for each format."""
