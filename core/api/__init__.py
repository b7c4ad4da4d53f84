"""What every operation of the HTTP API has: callers, rights, limits, problems, repeats, pages.

The apps' own `api` folders hold the operations; `autoforge.api` mounts them.
"""
