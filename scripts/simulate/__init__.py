"""Dispatch in virtual time: environments, scenarios, ways of dispatch, and the plot."""
