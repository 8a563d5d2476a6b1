"""Coverage-guided fuzzing by atheris: ``python -m scripts.fuzz.guided --target front -- -runs=1000000 CORPUS``.

atheris has no place in the project's own environment: install it into one of its own, beside what `dev` needs. What
follows ``--`` goes to libFuzzer. An input that breaks an invariant ends the run and is kept by libFuzzer; the seeded
campaign (``python -m scripts.fuzz``) replays it once its name begins with the target's.
"""

import argparse
import importlib
import sys

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer is told to end."""
    atheris = importlib.import_module("atheris")
    own, _, rest = " ".join(arguments).partition("-- ")
    parser = argparse.ArgumentParser(prog="scripts.fuzz.guided", description=__doc__)
    parser.add_argument("--target", required=True)
    name = parser.parse_args(own.split()).target
    with atheris.instrument_imports(include=["fanout_router"]):
        targets = importlib.import_module("scripts.fuzz.all_targets").TARGETS
    check = importlib.import_module("scripts.fuzz.campaign").check
    (target,) = (each for each in targets if each.name == name)
    atheris.Setup(["guided", *rest.split()], lambda data: check(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
