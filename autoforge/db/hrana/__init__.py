"""The room of the Hrana driver: PEP 249 over HTTP for libSQL servers, plain Python."""
