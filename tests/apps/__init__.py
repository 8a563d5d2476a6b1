"""Real web frameworks behind the router, held against the same apps on their usual servers: `make test-apps`."""
