"""Workers of the queue: how they stop, and how they say that they live."""
