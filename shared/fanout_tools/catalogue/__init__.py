"""The picture and the catalogue of an environment, from its plan: docs/topology.md tells how to read them."""
