"""The parts of ``scripts.bench_router`` and ``scripts.bench_scaleup``: programs, load, and what they serve."""
