"""Benchmarks, each beside a named peer."""
