"""Seeded fuzzing of the router's parsers: HTTP/2 frames both ways, HTTP/1.1 requests, and messages within channels.

Each target holds what any input must hold: no unforeseen exception, no hang, bounded memory, and the same meaning
however the bytes are cut. ``python -m scripts.fuzz --help``.
"""
