"""Build what Lambda runs: a layer with the dependencies, layers for single functions, a small zip for each function.

build/packages/<target>/target.json                        the runtime it is for, which Terraform reads
build/packages/<target>/dependencies-<architecture>.zip
build/packages/<target>/layers/<function>.zip
build/packages/<target>/web/<function>.zip
build/packages/<target>/workers/<worker>.zip
build/packages/<target>/canary.zip
build/packages/<target>/console.zip                       where an environment has one

Beside each lies its bill of materials, <name>.cdx.json: :mod:`fanout_tools.sbom`.
"""

from fanout_tools.deploy.packages.builder import Package, build
from fanout_tools.deploy.packages.layers import InstallError, PackageError, PinError

__all__ = ["InstallError", "Package", "PackageError", "PinError", "build"]
