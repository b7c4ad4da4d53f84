"""A migration that is not atomic and raises in the middle, where there are rows."""
