"""``fanout``: the operator's command line. It is an extra of the core library and never packed into a Lambda."""

from fanout_tools.cli.app import main

__all__ = ["main"]
