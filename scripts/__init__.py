"""Programs for developers of fanout: builds, emulators, checks, benchmarks; never part of a function."""
