"""One file for each type of assertion, or family of types."""
