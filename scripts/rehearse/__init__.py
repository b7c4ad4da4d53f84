"""A rehearsal of operation: an installation like staging's lives through a bad week in minutes."""
