"""fanout's plugin for LocalStack's community edition 4.14.0 in host mode.

``executor`` and what it uses run Lambda functions as local processes; ``services`` adds control planes that
the community edition leaves out; ``fixes`` has one module for each fault of 4.14.0 that fanout's tests
would stumble over. All of it is fanout's, none of it LocalStack's.
"""
