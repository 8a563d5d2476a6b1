"""``fanout doctor``: what is wrong with a deployment, its surroundings and one's own machine."""

from __future__ import annotations

import asyncio
import json

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.operate.doctor import measure
from fanout_tools.operate.views.health import Finding, State, examine

__all__ = ["command"]


def command(
    *,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Check what breaks in the night: credentials and role, clock, workers that are not deployed or paused for over a
    day, messages near the end of their retention, dead letters under mode claim, leftovers of commands that did not
    end, alarms that nobody hears, runtimes.

    The exit status is 4 when a check is bad; warnings do not change it.

        fanout doctor --env prod

        fanout doctor --env prod --json | jq 'select(.state != "ok")'
    """
    topology = topology_of(env, namespace, services)
    found = examine(topology, asyncio.run(measure(topology)))
    if as_json:
        for it in found:
            print(json.dumps(it.to_json()))
    else:
        print_rows(["check", "state", "said", "fix"], map(Finding.to_json, found), title=topology.names.namespace)
    if any(it.state is State.ILL for it in found):
        raise typer.Exit(4)
