"""A migration that takes rows away, and does not say so."""
