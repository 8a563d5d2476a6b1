"""Mixed traffic through a router and its environments as processes, with kills, for minutes or hours: every request is
reconciled, and memory has to stay flat. ``python -m scripts.soak --help``.
"""
