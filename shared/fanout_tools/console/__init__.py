"""The console: the engine of :mod:`fanout_tools.operate` as pages. It has no AWS call and no state of its own."""
