"""Compiles the router's hot path: ``python router/compile_hot_path.py FOLDER``.

FOLDER has the package ``fanout_router``: where it is installed, or a copy. mypyc makes an extension of each module
below beside its source, which stays what Python takes where the extension does not fit the interpreter. That needs
mypy, setuptools and a C compiler; running it needs none of them.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup  # type: ignore[import-untyped]

MODULES = (
    "adapter/channel",
    "channel",
    "dispatcher",
    "environment",
    "exchange",
    "http/chunks",
    "http/forwarded",
    "http/front",
    "http/http1",
    "http/http2",
    "http/http2_heads",
    "http/http2_request",
    "http/reader",
    "http/request",
    "http/responses",
    "messages",
    "outbox",
    "trailers",
    "wire/compressed",
    "wire/connection",
    "wire/control",
    "wire/frames",
    "wire/headers",
    "wire/stream",
)
"""What a request passes through, and what these derive from or are derived from: a class and its base are compiled
together.
"""
_PACKAGE = "fanout_router"
_OPTIONS = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]


def compile_in(folder: Path) -> None:
    """Put the extensions beside the sources in ``folder``. They are made elsewhere: what else is installed in the
    folder would hide the compiler's own.
    """
    folder = folder.resolve()
    with tempfile.TemporaryDirectory() as build:
        shutil.copytree(folder / _PACKAGE, Path(build, _PACKAGE), ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        os.chdir(build)
        sources = [f"{_PACKAGE}/{module}.py" for module in MODULES]
        extensions = mypycify([*_OPTIONS, *sources], opt_level="3", group_name=_PACKAGE)
        setup(name=_PACKAGE, packages=[], script_args=["build_ext", "--build-lib", "made"], ext_modules=extensions)
        shutil.copytree("made", folder, dirs_exist_ok=True)


def main() -> None:
    """Read the arguments, and compile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    compile_in(parser.parse_args().folder)


if __name__ == "__main__":
    main()
