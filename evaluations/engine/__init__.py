"""The evaluation engine, plain Python: it knows no Django."""
