"""Function URLs and HTTP APIs: each is as its ``web.yaml`` declares, reaches its function, and lets in nobody else;
requests are limited and logged, and somebody is told when they fail.

Who may call is declared, so that a door is told which a slip of Terraform opens.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fanout_tools.declarations.web import HttpApi, WebManifest
from fanout_tools.plans import FrontDoor, Permission, Plan, Resource, block, front_doors, names_of, permissions
from fanout_tools.proof.findings import Finding
from fanout_tools.proof.serving import permitted

__all__ = ["as_declared", "limited", "narrow", "passed", "told"]

INVOKE: Final = "lambda:InvokeFunction"
INVOKE_URL: Final = "lambda:InvokeFunctionUrl"
_GATEWAY: Final = "apigateway.amazonaws.com"
_WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"


def passed(plan: Plan) -> Iterator[Finding]:
    """A request that a door lets in reaches the function, which may do what its environment names."""
    given = list(permissions(plan))
    for door in front_doors(plan):
        function = next((it for it in plan.of("aws_lambda_function") if it.get("function_name") == door.name), None)
        if door.alias is None or function is None:
            yield _finding(door.at, "delivery", "leads to no alias of the plan", "name an alias of a function in it")
            continue
        for missing in _missing(door, [it for it in given if it.function == door.alias.arn]):
            problem = f"{door.alias.get('name')} of {door.name} does not let it in: {missing} is not allowed"
            yield _finding(door.at, "permission", problem, "add the permission: every request is answered 403 or 500")
        yield from permitted(plan, function)


def _missing(door: FrontDoor, given: list[Permission]) -> Iterator[str]:
    """What nobody allows of that which the door needs."""
    if door.via == "http_api":
        source = f"{door.api.get('execution_arn')}/*/$default" if door.api else ""
        if not any((it.action, it.principal, it.source_arn) == (INVOKE, _GATEWAY, source) for it in given):
            yield f"{INVOKE} by {_GATEWAY} for {source}"
    elif door.at.get("authorization_type") == "NONE":
        everybody = [it for it in given if it.principal == "*" and not it.source_arn]
        if not any(it.action == INVOKE_URL and it.auth_type == "NONE" for it in everybody):
            yield f"{INVOKE_URL} by everybody"
        if not any(it.action == INVOKE and it.by_url for it in everybody):
            yield f"{INVOKE} by everybody through the URL"


def narrow(plan: Plan) -> Iterator[Finding]:
    """A function's policy lets in its doors and nobody past them."""
    found = list(front_doors(plan))
    sources = {f"{it.api.get('execution_arn')}/*/$default" for it in found if it.api}
    aliases = {it.alias.arn for it in found if it.alias}
    public = {it.alias.arn for it in found if it.alias and it.at.get("authorization_type") == "NONE"}
    for it in permissions(plan):
        if it.function not in aliases and it.principal not in ("*", _GATEWAY):
            continue  # another rule's, such as that of log groups which hand on what they get
        if it.function not in aliases:
            problem = f"lets {it.principal} call {it.action} on {it.function}, which has no URL and no HTTP API"
            yield _scope(it, problem, "remove it")
        elif it.principal == "*" and (it.function not in public or not _through_url(it)):
            problem = f"lets every AWS account call {it.action}, past the function URL and with any event"
            yield _scope(it, problem, "name InvokedViaFunctionUrl, and function_url_auth_type of an open URL")
        elif it.principal != "*" and (it.principal, it.action) != (_GATEWAY, INVOKE):
            yield _scope(it, f"lets {it.principal} call {it.action}, which nothing here needs", "remove it")
        elif it.principal == _GATEWAY and it.source_arn not in sources:
            problem = f"lets in APIs other than the function's own: {it.source_arn or 'all of every account'}"
            yield _scope(it, problem, "name <execution_arn>/*/$default of the API as source_arn")


def _through_url(it: Permission) -> bool:
    """Whether a permission of everybody holds for requests to an open URL alone."""
    return (it.action == INVOKE_URL and it.auth_type == "NONE") or (it.action == INVOKE and it.by_url)


def limited(plan: Plan) -> Iterator[Finding]:
    """An HTTP API refuses too many requests, logs each, and waits as long as its function may take."""
    for stage in plan.of("aws_apigatewayv2_stage"):
        limits = block(stage, "default_route_settings")
        if not (limits.get("throttling_rate_limit") and limits.get("throttling_burst_limit")):
            problem = "has no limit of its own: it takes all that the account may have, or answers 429 to everything"
            yield _finding(stage, "limit", problem, "set throttling_rate_limit and throttling_burst_limit")
        log = str(block(stage, "access_log_settings").get("destination_arn") or "").removesuffix(":*")
        group = plan.at(log)
        if group is None or group.type != "aws_cloudwatch_log_group":
            yield _finding(stage, "limit", "logs its requests nowhere", "name a log group of the plan to log them in")
        if stage.get("auto_deploy") is not True:
            yield _finding(stage, "delivery", "serves no route until it is deployed by hand", "set auto_deploy")
    for door in (it for it in front_doors(plan) if it.api):
        functions = [it for it in plan.of("aws_lambda_function") if it.get("function_name") == door.name]
        if any(1000 * (it.get("timeout") or 3) > (door.at.get("timeout_milliseconds") or 0) for it in functions):
            problem = "answers 503 while its function still works"
            yield _finding(door.at, "limit", problem, "wait as long as the function's timeout, 30 s at most")
        if door.at.get("payload_format_version") != "2.0":
            yield _finding(door.at, "limit", "sends events that lose cookies and repeated fields", "take version 2.0")


def as_declared(plan: Plan, web: Mapping[str, WebManifest]) -> Iterator[Finding]:
    """Each declared web function has the door that it declares, open to whom it declares; nothing else has one."""
    names = names_of(plan)
    declared = {names.function(name): it for name, it in web.items()}
    found: dict[str, list[FrontDoor]] = {}
    for door in front_doors(plan):
        found.setdefault(door.name, []).append(door)
        manifest = declared.get(door.name)
        if manifest is None or manifest.via != door.via:
            told = f"no web.yaml declares it via {door.via}"
            yield _finding(
                door.at, "open", f"leads to {door.name or 'no function'}: {told}", "remove it, or declare it"
            )
        elif door.via == "url":
            yield from _url_as_declared(plan, door, manifest)
        else:
            yield from _api_as_declared(plan, door, manifest.http_api or HttpApi())
    for name, it in declared.items():
        if it.via != "router" and not found.get(name):
            problem = f"is declared via {it.via}, and the plan has nothing by which it is reached"
            address, fix = f"aws_lambda_function {name}", "let modules/web make it"
            yield Finding(address=address, rule="delivery", problem=problem, fix=fix)


def _url_as_declared(plan: Plan, door: FrontDoor, manifest: WebManifest) -> Iterator[Finding]:
    auth = manifest.url.auth if manifest.url else "iam"
    streaming = bool(manifest.url and manifest.url.streaming)
    if door.at.get("authorization_type") != {"iam": "AWS_IAM", "none": "NONE"}[auth]:
        problem = f"asks for {door.at.get('authorization_type')}, and web.yaml declares auth: {auth}"
        yield _finding(door.at, "open", problem, "let modules/web take it from web.yaml")
    if (door.at.get("invoke_mode") == "RESPONSE_STREAM") != streaming:
        problem = (
            f"has the mode {door.at.get('invoke_mode')}, and web.yaml declares streaming: {str(streaming).lower()}"
        )
        yield _finding(door.at, "open", problem, "let modules/web take it from web.yaml")
    for function in (it for it in plan.of("aws_lambda_function") if it.get("function_name") == door.name):
        told: dict[str, str] = block(function, "environment").get("variables") or {}
        if (_WRAPPER in told) != streaming:
            problem = f"its answers are {'streamed to a URL that waits for all of them' if not streaming else 'whole'}"
            yield _finding(
                function, "open", problem, f"set {_WRAPPER} where web.yaml declares streaming, and only there"
            )


def _api_as_declared(plan: Plan, door: FrontDoor, api: HttpApi) -> Iterator[Finding]:
    routes = [it for it in plan.of("aws_apigatewayv2_route") if it.get("api_id") == door.at.get("api_id")]
    stages = [it for it in plan.of("aws_apigatewayv2_stage") if it.get("api_id") == door.at.get("api_id")]
    target = f"integrations/{door.at.get('id')}"
    if not stages or not any(it.get("route_key") == "$default" and it.get("target") == target for it in routes):
        problem = "no route $default and stage lead to it: every request is answered 404"
        yield _finding(door.at, "delivery", problem, "lead the route $default to it, in a stage $default")
    for route in routes:
        authorizer = next(
            (it for it in plan.of("aws_apigatewayv2_authorizer") if it.get("id") == route.get("authorizer_id")), None
        )
        taken = "jwt" if route.get("authorization_type") == "JWT" and _checks(authorizer, route) else "none"
        if taken != api.auth:
            problem = f"lets in {'bearers of tokens' if taken == 'jwt' else 'everybody'}: declared is auth: {api.auth}"
            yield _finding(route, "open", problem, "let modules/web take authorizer and route from web.yaml")


def _checks(authorizer: Resource | None, route: Resource) -> bool:
    """Whether an authorizer of the route's own API knows whose tokens it takes."""
    if authorizer is None or authorizer.get("api_id") != route.get("api_id"):
        return False
    jwt = block(authorizer, "jwt_configuration")
    return str(jwt.get("issuer")).startswith("https://") and bool(jwt.get("audience"))


def told(plan: Plan) -> Iterator[Finding]:
    """Somebody is told when requests fail, and when Lambda refuses them."""
    waking = [it for it in plan.of("aws_cloudwatch_metric_alarm") if _wakes(it)]
    for door in front_doors(plan):
        watched = [metric for alarm in waking for metric in _metrics(alarm)]
        for metric, dimensions in _wanted(door):
            if not any(name == metric and seen.items() >= dimensions.items() for name, seen in watched):
                fix = f"add an alarm on {metric} that tells a topic"
                yield _finding(door.at, "alarm", f"nobody is told when requests fail: {metric} wakes nobody", fix)


def _wanted(door: FrontDoor) -> Iterable[tuple[str, dict[str, str]]]:
    yield "Throttles", {"FunctionName": door.name}
    if door.via == "url":
        yield "Url5xxCount", {"Resource": f"{door.name}:{door.at.get('qualifier')}"}
    elif door.api:
        yield "5xx", {"ApiId": door.api.get("id")}


def _wakes(alarm: Resource) -> bool:
    tells = bool(alarm.get("alarm_actions")) and alarm.get("actions_enabled") is not False
    high = alarm.get("comparison_operator") in ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold")
    return tells and high and (alarm.get("threshold") or 0) < 100  # a share is in percent, throttles are counted


def _metrics(alarm: Resource) -> Iterator[tuple[str, dict[str, str]]]:
    queried = (metric for query in alarm.get("metric_query") or () for metric in query.get("metric") or ())
    for it in (alarm.values, *queried):
        yield str(it.get("metric_name")), dict(it.get("dimensions") or {})


def _scope(it: Permission, problem: str, fix: str) -> Finding:
    return _finding(it.at, "scope", problem, fix)


def _finding(at: Resource, rule: str, problem: str, fix: str) -> Finding:
    return Finding(address=at.address, rule=rule, problem=problem, fix=fix)
