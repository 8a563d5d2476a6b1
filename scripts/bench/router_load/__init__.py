"""The parts of ``scripts.bench.router`` and ``scripts.bench.scaleup``: programs, load, and what they serve."""
