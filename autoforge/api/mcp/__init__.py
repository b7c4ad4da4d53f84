"""The Model Context Protocol: prompts and tools for assistants, over HTTP and over stdio.

Both revisions are spoken: 2026-07-28, where each request stands alone, and the ones before it with
their handshake, of which nothing is remembered here.
"""
