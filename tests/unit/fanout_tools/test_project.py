"""A project is found from any of its folders, and says where its things are."""

from pathlib import Path

import pytest

from fanout_tools.project import ProjectError, project


def write(folder: Path, settings: str) -> Path:
    (folder / "pyproject.toml").write_text(settings)
    return folder


def test_a_project_is_found_from_a_folder_within_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a project with a package that has a pyproject.toml of its own WHEN a command runs within THEN the project
    is found above."""
    root = write(tmp_path, '[tool.fanout]\ncontracts = "shared/contracts"\n')
    inner = root / "services" / "billing"
    inner.mkdir(parents=True)
    write(inner, '[project]\nname = "billing"\n')
    monkeypatch.chdir(inner)

    found = project()

    assert (found.root, found.services.resolve()) == (root, root / "services")
    assert found.schemas.as_posix() == "../../shared/contracts/schemas"
    assert project(inner).schemas == root / "shared" / "contracts" / "schemas"
    assert found.environments == root / "terraform" / "environments"


def test_outside_of_a_project_the_error_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no.* project|neither here nor above is a project: .*\[tool\.fanout\]"):
        project(tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[tool.fanout]\nservicse = 'x'\n", r"tool\.fanout\.servicse: no such key; did you mean services\?"),
        ("[tool.fanout]\nservices = 5\n", r"tool\.fanout\.services: must be a text"),
        ("[tool]\nfanout = 5\n", r"tool\.fanout: must be a table"),
        ("[tool.fanout", r"cannot be read"),
    ],
)
def test_settings_that_are_wrong_are_refused(tmp_path: Path, settings: str, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        project(write(tmp_path, settings))


def test_a_project_without_contracts_is_told_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"contracts: no package of contracts; make it"):
        project(write(tmp_path, "[tool.fanout]\n")).load_contracts()
