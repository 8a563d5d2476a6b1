"""Kill function processes at random while events are handled, and reckon up the effects afterwards."""
