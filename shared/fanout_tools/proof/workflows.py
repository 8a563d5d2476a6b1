"""Workflows: something starts each, it may invoke what it invokes, and somebody is told of an execution that fails.

What is wrong with a state machine itself is told before Step Functions or an incident does. The Amazon States
Language: https://states-language.net/spec.html.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fanout_tools.declarations.reading import read
from fanout_tools.declarations.routing import unbound
from fanout_tools.plans import Plan, Resource, block, deliveries, document, names_of
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.policies import Request, allows, of_role, statements

__all__ = [
    "declared_patterns",
    "failures_told",
    "functions",
    "invoking",
    "machines_watched",
    "problems",
    "sound",
    "started",
]

METRICS: Final = frozenset({"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"})
LOGGING: Final = ("logs:CreateLogDelivery", "logs:UpdateLogDelivery", "logs:PutResourcePolicy")
"""What Step Functions has to be allowed to have a log, among others of no resource."""
State = Mapping[str, Any]
_ENDS: Final = ("Succeed", "Fail")
_INVOKES: Final = ":states:::lambda:invoke"


def declared_patterns(services: Path) -> dict[str, dict[str, Any]]:
    """What starts each workflow, as its workflow.yaml declares it: an EventBridge pattern, by the workflow's name."""
    return {
        file.parent.name.replace("_", "-"): _pattern(read(file)) for file in sorted(services.glob("*/workflow.yaml"))
    }


def _pattern(declared: Any) -> dict[str, Any]:
    source, _, name = str(declared["event"]).partition("/")
    pattern: dict[str, Any] = {"source": [source], "detail-type": [name]}
    if where := declared.get("where"):
        pattern["detail"] = where if source.startswith("aws.") else {"data": where}
    return pattern


def started(plan: Plan, patterns: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Just the declared events start each declared workflow, whole."""
    names = names_of(plan)
    machines = {it.get("name"): it for it in plan.of("aws_sfn_state_machine")}
    for workflow, pattern in patterns.items():
        machine = machines.get(names.workflow(workflow))
        if machine is None:
            at, fix = f"aws_sfn_state_machine {names.workflow(workflow)}", "let modules/workflow make it"
            yield Finding(address=at, rule="workflow", problem="is declared and not in the plan", fix=fix)
        elif not any(
            unbound(names, document(hop.writer.get("event_pattern"))) == pattern
            and not (hop.carrier.get("input") or hop.carrier.get("input_path") or hop.carrier.get("input_transformer"))
            for hop in deliveries(plan)
            if hop.destination == machine and hop.writer
        ):
            problem, fix = f"no rule starts it by {dict(pattern)}", "give its rule the pattern of workflow.yaml"
            yield _workflow(machine, problem, fix)


def sound(plan: Plan) -> Iterator[Finding]:
    """Something starts every state machine, its definition holds together, and its failures are logged."""
    started = {hop.destination.address for hop in deliveries(plan) if hop.destination}
    for machine in plan.of("aws_sfn_state_machine"):
        if machine.address not in started:
            yield _workflow(machine, "nothing starts it", "give it a rule with a target")
        for problem in problems(document(machine.get("definition"))):
            what, _, fix = problem.partition("; ")
            yield _workflow(machine, what, fix)
        logging = block(machine, "logging_configuration")
        group = plan.at(str(logging.get("log_destination")).removesuffix(":*"))
        if logging.get("level") in (None, "OFF") or group is None:
            yield _workflow(machine, "its failures are in no log of the plan", "set logging_configuration")
        if logging.get("include_execution_data"):
            problem = "its log has what its states are given and return, which may be personal data"
            yield _workflow(machine, problem, "set include_execution_data = false")


def invoking(plan: Plan) -> Iterator[Finding]:
    """A state machine's role trusts Step Functions for it, and allows each function that it invokes."""
    for machine in plan.of("aws_sfn_state_machine"):
        role = plan.at(machine.get("role_arn"))
        if role is None:
            problem = f"its role {machine.get('role_arn')} is not in the plan"
            yield _grant(machine, problem, "name one that is")
            continue
        principal = ("Service", "states.amazonaws.com")
        assume = Request(action="sts:AssumeRole", resource="", principal=principal, source_arn=machine.arn)
        if not allows(statements(role.address, role.get("assume_role_policy")), assume):
            yield _grant(role, f"{machine.address} may not assume it", f"trust {principal[1]} for {machine.arn}")
        yield from _invokes(plan, machine, role)


def _invokes(plan: Plan, machine: Resource, role: Resource) -> Iterator[Finding]:
    policy = of_role(plan, role)
    for action in LOGGING:
        if not allows(policy, Request(action=action, resource="*")):
            yield _grant(role, f"{machine.address} may not have a log", f"allow {action}")
    for state, arn in functions(document(machine.get("definition"))):
        function = plan.at(arn)
        if function is None or function.type not in ("aws_lambda_alias", "aws_lambda_function"):
            yield _workflow(machine, f"{state} invokes {arn}, which is not in the plan", "correct the name")
        elif not allows(policy, Request(action="lambda:InvokeFunction", resource=arn)):
            yield _grant(
                role, f"{state} of {machine.address} may not invoke {arn}", "allow lambda:InvokeFunction on it"
            )


def failures_told(plan: Plan) -> Iterator[Finding]:
    """An alarm counts the executions that failed, timed out and were aborted, from the first, and tells somebody."""
    for machine in plan.of("aws_sfn_state_machine"):
        alarms = [it for it in plan.of("aws_cloudwatch_metric_alarm") if machine.arn in machines_watched(it)]
        if not any(_wakes(alarm, machine) for alarm in alarms):
            at = alarms[0] if alarms else machine
            problem = f"nobody is told of an execution of {machine.address} that fails, times out or is aborted"
            fix = f"add an alarm over 0 on {', '.join(sorted(METRICS))}, with actions"
            yield Finding(address=at.address, rule="alarm", problem=problem, fix=fix)


def machines_watched(alarm: Resource) -> set[str]:
    """The state machines (ARN) whose executions the alarm counts."""
    return {arn for arn, _ in _counted(alarm)}


def _wakes(alarm: Resource, machine: Resource) -> bool:
    first = alarm.get("comparison_operator") == "GreaterThanThreshold" and (alarm.get("threshold") or 0) < 1
    tells = bool(alarm.get("alarm_actions")) and alarm.get("actions_enabled") is not False
    return first and tells and {metric for arn, metric in _counted(alarm) if arn == machine.arn} >= METRICS


def _counted(alarm: Resource) -> Iterator[tuple[str, str]]:
    for query in alarm.get("metric_query") or ():
        for metric in query.get("metric") or ():
            if metric.get("namespace") == "AWS/States":
                yield str((metric.get("dimensions") or {}).get("StateMachineArn")), str(metric.get("metric_name"))


def _workflow(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="workflow", problem=problem, fix=fix)


def _grant(at: Resource, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule="grant", problem=problem, fix=fix)


def problems(machine: Mapping[str, Any]) -> Iterator[str]:
    """Each as ``<state>: <what is wrong>; <the fix>``."""
    yield from _of_level(machine, caught=False)


def _tasks(machine: Mapping[str, Any]) -> Iterator[tuple[str, State]]:
    """Every task by its state's name, also those within Map and Parallel."""
    for name, state in machine.get("States", {}).items():
        if state.get("Type") == "Task":
            yield name, state
        for inner in _inner(state):
            yield from _tasks(inner)


def functions(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The _functions (ARN) that _tasks invoke, by the state's name."""
    for name, state in _tasks(machine):
        if str(state.get("Resource", "")).endswith(_INVOKES):
            yield name, str(state.get("Parameters", {}).get("FunctionName"))


def _of_level(level: Mapping[str, Any], *, caught: bool) -> Iterator[str]:
    """One level of states: the machine's own, an iteration's, or a branch's.

    :param caught: whether an error that leaves the level is caught around it.
    """
    states = level.get("States", {})
    reached = _reached(level)
    for name in states.keys() - reached:
        yield f"{name}: is never reached; lead to it or remove it"
    for name in sorted(reached - states.keys()):
        yield f"{name}: there is no such state; correct the name"
    for name, state in states.items():
        yield from _of_state(name, state, caught=caught)


def _of_state(name: str, state: State, *, caught: bool) -> Iterator[str]:
    kind = state.get("Type")
    if kind not in (*_ENDS, "Choice") and ("Next" in state) == bool(state.get("End")):
        yield f"{name}: leads nowhere, or to two things; write Next or End"
    caught = caught or any("States.ALL" in it.get("ErrorEquals", ()) for it in state.get("Catch", ()))
    if kind == "Task":
        yield from _of_task(name, state, caught=caught)
    for inner in _inner(state):
        yield from _of_level(inner, caught=caught)


def _of_task(name: str, state: State, *, caught: bool) -> Iterator[str]:
    if not any(int(it.get("MaxAttempts", 3)) > 0 for it in state.get("Retry", ())):
        yield f"{name}: is not tried again when it fails; give it Retry"
    if not caught:
        yield f"{name}: nothing catches States.ALL of it, so that what was done is not undone; give it Catch"
    if "TimeoutSeconds" not in state:
        yield f"{name}: waits without end; give it TimeoutSeconds"


def _reached(level: Mapping[str, Any]) -> set[str]:
    """The states that a level comes to from its start, by any way."""
    states, found, open_ = level.get("States", {}), set[str](), [str(level.get("StartAt"))]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _after(states.get(name, {}))
    return found


def _after(state: State) -> list[str]:
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    return [str(way[key]) for way in ways for key in ("Next", "Default") if key in way]


def _inner(state: State) -> Iterator[Mapping[str, Any]]:
    yield from state.get("Branches", ())
    if processor := state.get("ItemProcessor") or state.get("Iterator"):
        yield processor
