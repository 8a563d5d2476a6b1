"""Amazon EventBridge's event pattern language, and the dialect of it that Amazon SNS filter policies speak.

Here so that a pattern can be judged where it is written: ``where`` clauses are validated before anything is
deployed, a dry run answers who would receive an event, and :meth:`Pattern.explain` answers why somebody would
not.

    >>> pattern = Pattern.parse({"detail": {"data": {"total": [{"numeric": [">", 100]}]}}})
    >>> str(pattern.explain({"source": "shop.orders", "detail": {"data": {"total": 20}}}))
    'detail.data.total is 20; wanted a number > 100'

The language is the one of the EventBridge user guide ("Comparison operators for use in event patterns") and,
where the guide is silent, of Event Ruler, the engine that AWS publishes. Where the two differ:

* numbers compare by value, as in Event Ruler: 300 is 300.0. The guide says that their texts are compared;
* a plain string that is an IP address is a string, as in the guide, which knows no normalization of strings:
  ``"10.0.0.1"`` does not match ``"10.0.0.01"``. Event Ruler compares the addresses. Write ``cidr`` for those.

A name that is written twice in one object is refused, though AWS would take it: see
:func:`~fanout_tools.patterns.dialects.decode`.
"""

from fanout_tools.patterns.dialects import EVENTBRIDGE, SNS, Dialect
from fanout_tools.patterns.index import RuleIndex
from fanout_tools.patterns.pattern import ABSENT, Explanation, Pattern

__all__ = ["ABSENT", "EVENTBRIDGE", "SNS", "Dialect", "Explanation", "Pattern", "RuleIndex"]
