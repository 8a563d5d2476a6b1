"""From a checkout to a running environment."""
