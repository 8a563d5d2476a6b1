"""``python -m fanout_tools.cli``: the ``fanout`` command, of the interpreter that runs it."""

from fanout_tools.cli.app import main

main()
