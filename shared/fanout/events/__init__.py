"""Events, their envelopes and their versions."""
