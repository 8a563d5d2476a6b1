"""``fanout dev``: the project's workers in this process, over a bus and queues in memory."""
