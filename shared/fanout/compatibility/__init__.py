"""Whether a contract may change as it did without a new version: two JSON Schemas of one event, compared.

Pure functions over schemas; what is compared with what, and who reads it, is :mod:`fanout.contract_check`'s.
"""

from fanout.compatibility.change import Change, Reader, breaking

__all__ = ["Change", "Reader", "breaking"]
