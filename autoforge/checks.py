"""Stand-in, overwritten by the environment helper."""
