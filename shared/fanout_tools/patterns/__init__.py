"""Amazon EventBridge's event pattern language, and the dialect of it that Amazon SNS filter policies speak.

Here so that a pattern can be judged where it is written: ``where`` clauses are validated before anything is
deployed, a dry run answers who would receive an event, and :meth:`Pattern.explain` answers why somebody would
not.

    >>> pattern = Pattern.parse({"detail": {"data": {"total": [{"numeric": [">", 100]}]}}})
    >>> str(pattern.explain({"source": "shop.orders", "detail": {"data": {"total": 20}}}))
    'detail.data.total is 20; wanted a number > 100'

The language is the one of the EventBridge user guide ("Comparison operators for use in event patterns") and,
where the guide is silent, of Event Ruler, the engine that AWS publishes.
"""

from fanout_tools.patterns.dialects import EVENTBRIDGE, SNS, Dialect
from fanout_tools.patterns.explanation import ABSENT, Explanation
from fanout_tools.patterns.index import RuleIndex
from fanout_tools.patterns.pattern import Pattern

__all__ = ["ABSENT", "EVENTBRIDGE", "SNS", "Dialect", "Explanation", "Pattern", "RuleIndex"]
