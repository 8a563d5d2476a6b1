"""Each module says what it makes, takes and gives."""

import re
from pathlib import Path

from scripts.docs.modules import EXAMPLES, MODULES, readme, readmes

VARIABLES = """
variable "name" {
  description = "Whose it is: a \\"worker\\" | more."
  type        = string
}

variable "manifest" {
  description = "What is declared."
  type = object({
    size = number
    # of the batch
    window_s = optional(number, 0)
  })
  default = {}

  validation {
    condition     = true
    error_message = "No."
  }
}

output "queue" {
  description = "Its queue."
  value       = { name = "a" }
}
"""


def test_inputs_and_outputs_are_listed(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(VARIABLES)

    lines = readme(tmp_path, "a [queue](../x.md) and its DLQ").splitlines()

    assert lines[2] == "A queue and its DLQ."
    assert '| `name` | `string` | required | Whose it is: a "worker" \\| more. |' in lines
    assert (
        "| `manifest` | `object({ size = number, window_s = optional(number, 0) })` | `{}` | What is declared. |"
        in lines
    )
    assert "| `queue` | Its queue. |" in lines


def test_every_variable_and_output_of_every_module_has_its_row() -> None:
    for file, text in readmes().items():
        module = "\n".join(each.read_text() for each in file.parent.glob("*.tf"))
        declared = re.findall(r'^(?:variable|output) "(\w+)"', module, re.MULTILINE)
        assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == sorted(declared), file.parent.name


def test_every_module_has_one() -> None:
    assert {file.parent.name for file in readmes()} == {folder.name for folder in MODULES.iterdir() if folder.is_dir()}


def test_every_module_has_an_example_that_is_planned() -> None:
    """GIVEN the modules WHEN one has no root that calls it, or no test plans that THEN it is found."""
    planned = re.findall(r'source = "\./(\w+)"', (EXAMPLES / "tests" / "examples.tftest.hcl").read_text())
    assert sorted(planned) == sorted(file.parent.name for file in readmes())
    for file, text in readmes().items():
        assert f"../../examples/{file.parent.name}/main.tf" in text
        assert f'"../../modules/{file.parent.name}"' in (EXAMPLES / file.parent.name / "main.tf").read_text()
