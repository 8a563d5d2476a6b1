"""Kill function processes at random while events are handled, and reconcile up the effects afterwards."""
