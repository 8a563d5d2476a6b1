"""AWS in memory and in virtual time, as far as the core of fanout uses it. It depends on nothing of the core."""
