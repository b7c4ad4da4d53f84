"""Our scorers beside the real promptfoo (`make differential`)."""
