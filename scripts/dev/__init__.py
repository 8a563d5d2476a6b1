"""``fanout dev`` beside a deployment: the same events, the same outcomes."""
