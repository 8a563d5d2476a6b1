"""Whether a contract may change as it did without a new version: two JSON Schemas of one event, compared.

Pure functions over schemas; what is compared with what, and who reads it, is :mod:`fanout_tools.contracts.check`'s.
"""

from fanout_tools.contracts.compatibility.change import Change, Reader, breaking

__all__ = ["Change", "Reader", "breaking"]
