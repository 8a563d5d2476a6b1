"""Functions that Lambda could not start, or that the core could not call, are told with file and line."""

from pathlib import Path

import pytest

from fanout_tools import handlers
from fanout_tools.declarations.worker import load, worker_name

CONTRACTS = '''
from fanout import Event

class ThingDone(Event, source="test.handlers", version=1):
    """A thing was done."""
    name: str
'''
DECLARED = """
description: A probe
subscribes: [{ event: test.handlers/ThingDone }]
tables: { things: { key: id } }
parameters: { limit: probe/limit }
permissions: [{ actions: [dynamodb:PutItem], resources: [table:things] }]
"""
HEAD = """from fanout import Worker
from contracts.things import ThingDone

worker = Worker(__file__)

"""
HANDLES = HEAD + "@worker.handles(ThingDone)\n"
GOOD = HANDLES + "def do(event: ThingDone, context: object) -> None: ...\n\nhandler = worker.lambda_handler\n"


BAD = [
    (
        GOOD.replace("handler = worker.lambda_handler\n", ""),
        "handler.py: has no `handler`, which Lambda calls; ",
    ),
    (
        GOOD.replace("= worker.lambda_handler", "= {}"),
        "handler.py: handler is a dict, which Lambda cannot call; ",
    ),
    (
        GOOD.replace("handler = worker.lambda_handler", "async def handler(event, context): ..."),
        "handler.py:9: handler is asynchronous, which Lambda does not await; write handler = worker.lambda_handler",
    ),
    (
        GOOD.replace("handler = worker.lambda_handler", "def handler(event): ..."),
        "handler.py:9: handler does not take the event and Lambda's context; write",
    ),
    (
        "import nothing_of_the_kind\n" + GOOD,
        "handler.py:1: cannot be imported: ModuleNotFoundError: No module named",
    ),
    (
        "\nfrom fanout import Nothing\n",
        "handler.py:2: cannot be imported: ImportError: cannot import name 'Nothing'",
    ),
    ("x = (\n", "handler.py:1: SyntaxError: '(' was never closed"),
    ("\n1 / 0\n", "handler.py:2: cannot be imported: ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)\n", "handler.py:1: cannot be imported: SystemExit: 3"),
    ("handler = print\n", "handler.py: has no `worker = Worker(__file__)`; declare it"),
    (HEAD + "handler = worker.lambda_handler\n", "handler.py: subscribes to test.handlers/ThingDone but nothing"),
    (
        GOOD.replace("(event: ThingDone, context: object)", "(event: ThingDone)"),
        "handler.py:6: do is called with the ThingDone and its context; let it take 2 arguments",
    ),
    (GOOD.replace("event: ThingDone", "event: dict"), "handler.py:6: do takes a dict, and gets a ThingDone; write"),
    (
        GOOD + "\n@worker.on_invoke\nasync def answer(payload, context): ...\n",
        "handler.py:11: bad-13: answer: is a coroutine function, and what is invoked directly is not awaited",
    ),
    (
        GOOD.replace("def do", "def broken(: ...\ndef do"),
        "handler.py:7: SyntaxError: invalid syntax",
    ),
    (
        GOOD + "from fanout.resources import table\n\ndef put():\n    return table('thing')\n",
        "handler.py:13: table thing: is not declared; did you mean things? name table:thing in the permissions of",
    ),
    (
        GOOD + "from fanout import parameters\n\ndef put():\n    return parameters.parameter('limits')\n",
        "handler.py:13: parameter limits: is not declared; did you mean limit? name it in the parameters of",
    ),
    (
        GOOD + "from fanout.parameters import secret as hidden\nx = lambda: hidden('key')\n",
        "handler.py:11: secret key: is not declared; name it in the secrets of worker.yaml",
    ),
    (
        GOOD + "def lazily():\n    import fanout_tools.project\n",
        "handler.py:11: imports fanout_tools.project, which the function's package does not hold; move",
    ),
]
RUNS = [
    GOOD.replace("def do(event: ThingDone", "async def do(event"),
    GOOD + "from fanout.resources import table\nTHINGS = table('things')\n",
    GOOD + "def table(name): ...\n\ntable('own')\n",
    GOOD + "from fanout.resources import table\n\ndef put(name):\n    return table(name)\n",
    GOOD.replace("event: ThingDone", "event: 'object'"),
    "print('loud')\n" + GOOD,
]


def write(services: Path, name: str, code: str | None) -> None:
    """A worker of that name, and the contracts beside the services."""
    for folder in (services.parent / "contracts", services, services / name):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    (services.parent / "contracts" / "things.py").write_text(CONTRACTS)
    (services / name / "worker.yaml").write_text(DECLARED)
    if code is not None:
        (services / name / "handler.py").write_text(code)


def said(services: Path) -> list[str]:
    """What is said, without the services' path."""
    workers = {worker_name(file.parent): load(file) for file in services.glob("*/worker.yaml")}
    found = handlers.problems(services, services.parent / "contracts", workers, {})
    return [problem.removeprefix(f"{services}/") for problem in found]


@pytest.fixture(scope="module")
def all_said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of every case, each a worker of its own: one process imports them all."""
    services = tmp_path_factory.mktemp("project") / "services"
    for kind, cases in (("bad", [code for code, _ in BAD]), ("runs", RUNS)):
        for number, code in enumerate(cases):
            write(services, f"{kind}_{number}", code)
    return said(services)


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_cannot_run_is_told_with_its_place(number: int, all_said: list[str]) -> None:
    (told,) = [problem for problem in all_said if problem.startswith(f"bad_{number}/")]

    assert told.removeprefix(f"bad_{number}/").startswith(BAD[number][1])


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_what_can_run_is_taken(number: int, all_said: list[str]) -> None:
    assert [problem for problem in all_said if problem.startswith(f"runs_{number}/")] == []


def test_a_module_that_ends_the_process_is_named(tmp_path: Path) -> None:
    write(tmp_path / "services", "probe", "import os\nos._exit(7)\n")

    assert said(tmp_path / "services") == [
        "probe/handler.py: its import ends the process, with exit status 7; keep work out of the module's import"
    ]


def test_a_missing_module_is_told(tmp_path: Path) -> None:
    write(tmp_path / "services", "probe", None)

    assert said(tmp_path / "services") == ["probe/handler.py: is missing: Lambda calls its handler; write it"]
