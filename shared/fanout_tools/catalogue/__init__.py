"""The picture and the catalogue of an environment, from its plan.

docs/how-to/draw-the-system.md tells how to read them.
"""
