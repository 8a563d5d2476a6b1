"""Every error that the router raises.

    DispatchError
    +-- ConfigError            an option is wrong: fix the environment variable or the argument
    |   +-- UnloadableError    the app cannot be loaded, whoever tries; its traceback has been printed
    +-- WireError              the peer broke HTTP/2, or a limit of ours: its connection is closed
    +-- ChannelError           the peer broke the message framing within a channel: its channel is reset
    +-- AdmissionError         an environment was not admitted to the control port
    +-- InvokeError            an invocation could not be made, or came back failed
    |   +-- ThrottledError     the account's or the function's concurrency is used up: try later
    +-- AdapterError           the app could not be loaded, started or reached

What a *client* of the router does wrong is no error of the router: it is answered with a status, see
:mod:`fanout_router.http.refusals`. (:class:`fanout_router.http.refusals.RefusedError` carries that status a few
lines far.)
"""

__all__ = [
    "AdapterError",
    "AdmissionError",
    "ChannelError",
    "ConfigError",
    "DispatchError",
    "InvokeError",
    "ThrottledError",
    "UnloadableError",
    "WireError",
]


class DispatchError(Exception):
    """Base of every error that the router raises; the text names the thing and the fix."""


class ConfigError(DispatchError):
    """An option is wrong; the text names the option and its bounds."""


class UnloadableError(ConfigError):
    """The app cannot be loaded; its environment has printed the traceback."""

    def __init__(self) -> None:
        super().__init__("the app cannot be loaded, as said above")


class WireError(DispatchError):
    """The peer broke HTTP/2 or one of our limits, and its connection is closed for it.

    :param code: the HTTP/2 error code sent in GOAWAY (RFC 9113 section 7).
    :param reason: what the peer did, for the log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"HTTP/2 error {code:#x}: {reason}")
        self.code = code
        self.reason = reason


class ChannelError(DispatchError):
    """The peer broke the message framing within a channel, which is reset for it."""


class AdmissionError(DispatchError):
    """An environment was not admitted; the text never contains what was presented."""


class InvokeError(DispatchError):
    """An invocation could not be made, or came back failed."""


class ThrottledError(InvokeError):
    """No concurrency is left for another invocation (HTTP 429 from Lambda)."""


class AdapterError(DispatchError):
    """The app could not be loaded, started or reached."""
