"""Migrations that end well, two of them slowly and one of them in pieces."""
