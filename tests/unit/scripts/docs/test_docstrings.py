"""Docstrings as mkdocstrings reads them."""

import griffe

from scripts.docs.docstrings import Markdown

SOURCE = '''
def charge():
    """Charge once::

        charge()

    See :meth:`Worker.on` and :class:`~fanout.Retry`.
    """
'''


def test_roles_are_code_and_a_literal_block_has_one_colon() -> None:
    """GIVEN reStructuredText WHEN a module is read THEN its docstrings are Markdown."""
    extensions = griffe.load_extensions(Markdown)
    with griffe.temporary_visited_package("shop", {"__init__.py": SOURCE}, extensions=extensions) as module:
        text = module["charge"].docstring.value

    assert text == "Charge once:\n\n    charge()\n\nSee `Worker.on` and `fanout.Retry`."
