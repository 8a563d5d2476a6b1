"""What ``worker.yaml`` and ``web.yaml`` declare."""
