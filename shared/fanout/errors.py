"""Every error that fanout raises.

    FanoutError
    +-- DeclarationError        a declaration in the repository is wrong: fix the file
    |   +-- ManifestError       a worker.yaml
    |   +-- ContractError       an event contract
    +-- PatternError            an event pattern that EventBridge or SNS would refuse
    +-- EventError            an event that breaks its contract: fix the event
    |   +-- CanaryError         not an event but a canary, which no handler is to see
    +-- ParameterError          a parameter or secret that cannot be read: put it there, or fix the permission
    +-- PlanError               a Terraform plan that cannot be made or read
    +-- PublishError            events that the bus did not take, after all retries

How a handler asks for a retry or a rejection is not an error of fanout's: see :mod:`fanout.outcomes`.
"""

__all__ = [
    "ContractError",
    "DeclarationError",
    "EventError",
    "FanoutError",
    "ManifestError",
    "ParameterError",
    "PatternError",
    "PlanError",
    "PublishError",
    "describe",
    "told",
]


class FanoutError(Exception):
    """Base of every error that fanout raises; the text names the thing and the fix."""


class DeclarationError(FanoutError):
    """A declaration in the repository is wrong."""


class ManifestError(DeclarationError):
    """A ``worker.yaml`` is wrong; the text has one line per problem: file, key, and what to write instead."""


class ContractError(DeclarationError):
    """An event contract is declared wrongly, twice, or not at all."""


class PatternError(FanoutError):
    """An event pattern that the service it is meant for would refuse."""


class EventError(FanoutError):
    """An event breaks its contract, or is no event at all."""


class CanaryError(EventError):
    """A message is no event but a canary: see :mod:`fanout.events.canary`.

    :param identity: the canary's own.
    :param event: ``<source>/<Name>`` of the event whose route it takes.
    """

    def __init__(self, identity: str, event: str) -> None:
        super().__init__(f"canary {identity} of {event}: is no event")
        self.identity = identity
        self.event = event


class ParameterError(FanoutError):
    """A parameter or a secret that a worker names cannot be read; the text never holds a value."""


class PlanError(FanoutError):
    """A Terraform plan cannot be made or read; the text names the fix."""


class PublishError(FanoutError):
    """The bus did not take an event, after all retries."""


def describe(error: BaseException, limit: int = 1000) -> str:
    """The text of an error, at most ``limit`` characters; "no message" when there is none or it cannot be made."""
    try:
        text = told(error)
    except BaseException:  # noqa: BLE001 - an error whose text fails, however, is still to be reported
        text = ""
    if not text:
        return "no message"[:limit]
    if len(text) <= limit:
        return text
    note = f"... ({len(text)} characters)"
    return (text[: max(0, limit - len(note))] + note)[:limit]


def told(error: BaseException) -> str:
    """The text of an error. Of what pydantic refuses, which fields and why: its own text shows their values too, which
    may be anybody's.

    :raises Exception: the text cannot be made.
    """
    if type(error).__module__ != "pydantic_core._pydantic_core" or not hasattr(error, "errors"):
        return str(error)
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(map(str, it['loc'])) or 'data'}: {it['msg']}" for it in found]
    return f"{getattr(error, 'title', 'data')}: {'; '.join(lines)}"
