"""The lines that Lambda itself writes to a function's log, around those of the function."""

from dataclasses import dataclass

__all__ = ["InvocationLog"]


@dataclass(frozen=True, kw_only=True)
class InvocationLog:
    """One invocation, as CloudWatch Logs shows it."""

    request_id: str
    version: str
    output: str
    """What the function wrote."""
    stop_reason: str
    """Why the platform ended the invocation, or nothing."""
    duration_ms: float
    init_ms: float | None
    """How long the cold start took; None on a warm one."""
    memory_size_mb: int
    memory_used_mb: int

    def __str__(self) -> str:
        body = self.output if self.output.endswith("\n") or not self.output else f"{self.output}\n"
        reason = f"{self.stop_reason}\n" if self.stop_reason else ""
        return (
            f"START RequestId: {self.request_id} Version: {self.version}\n"
            f"{body}{reason}"
            f"END RequestId: {self.request_id}\n"
            f"{self._report()}\n"
        )

    def _report(self) -> str:
        fields = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {int(self.duration_ms) + 1} ms",
            f"Memory Size: {self.memory_size_mb} MB",
            f"Max Memory Used: {self.memory_used_mb} MB",
        ]
        if self.init_ms is not None:
            fields.append(f"Init Duration: {self.init_ms:.2f} ms")
        return "\t".join([*fields, ""])
