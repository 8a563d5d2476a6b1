"""Shift the workers' traffic from one version of their functions to the next, and back when an alarm rings.

Terraform publishes a version and leaves the alias alone; `make deploy` moves the alias here, by the environment's
``traffic_shift``: docs/how-to/deploy.md.
"""

from fanout_tools.deploy.traffic.aws import LambdaAliases, ringing_alarms
from fanout_tools.deploy.traffic.model import Alias, Strategy, Traffic, TrafficError, Worker
from fanout_tools.deploy.traffic.shifting import Shift

__all__ = [
    "Alias",
    "LambdaAliases",
    "Shift",
    "Strategy",
    "Traffic",
    "TrafficError",
    "Worker",
    "ringing_alarms",
]
