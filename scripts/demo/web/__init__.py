"""The storefront on the router, beside an emulator that has the workers: ``make demo-web``."""
