"""One target under atheris, in a process of its own: ``python -m scripts.fuzz.guided_target front FOLDER [OPTION...]``.

FOLDER keeps the corpus, and beside it the count of all inputs ever tried. The options are libFuzzer's, which also
watches for hangs: it has the process's alarm, and so nothing else here may set one.
"""

import importlib
import logging
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.fuzz.targets import Target

__all__ = ["main"]

_SEEDS = 100


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer is told to end; an input that breaks an invariant ends the process."""
    name, folder, *options = arguments
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["fanout_router"]):
        targets = importlib.import_module("scripts.fuzz.all_targets").TARGETS
    examine = importlib.import_module("scripts.fuzz.campaign").examine
    tally = importlib.import_module("scripts.fuzz.tally").Tally(Path(f"{folder}.json"))
    (target,) = (each for each in targets if each.name == name)

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        """By grammar or by libFuzzer, half of them each: bytes alone rarely make a frame, or a head."""
        if seed & 1:
            return bytes(target.mutate(random.Random(seed), data, data)[:largest])
        return bytes(atheris.Mutate(data, largest))

    def one(data: bytes) -> None:
        tally.add()
        try:
            examine(target, data)
        except Exception:
            tally.save()
            raise

    _sow(target, Path(folder))
    atheris.Setup(["guided", *options, folder], one, custom_mutator=mutated)
    atheris.Fuzz()


def _sow(target: "Target", corpus: Path) -> None:
    """Begin a corpus with inputs that are drawn by grammar."""
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        rng = random.Random(1)
        for number in range(_SEEDS):
            (corpus / f"drawn-{number}").write_bytes(target.generate(rng))


if __name__ == "__main__":
    logging.disable()  # what the router logs of broken inputs costs more time than the inputs
    main(sys.argv[1:])
