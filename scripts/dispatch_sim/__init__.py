"""The parts of ``scripts.sim_dispatch``: environments in virtual time, scenarios, ways of dispatch, and the plot."""
