"""``make demo``: real orders through the whole platform, and every cent accounted for."""
