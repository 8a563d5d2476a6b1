"""`make clean` removes what commands made, and nothing else."""

from pathlib import Path

from scripts.clean import clean, made


def test_what_was_made_goes_and_the_rest_stays(tmp_path: Path) -> None:
    kept = [tmp_path / "shared" / "fanout" / "aws.py", tmp_path / ".git" / "build", tmp_path / "docs" / "building.md"]
    gone = [
        tmp_path / "build" / "venv" / "x",
        tmp_path / "fanout.egg-info" / "PKG-INFO",
        tmp_path / "shared" / "fanout" / "__pycache__" / "aws.pyc",
        tmp_path / "terraform" / "environments" / "local" / ".terraform.lock.hcl",
    ]
    for file in [*kept, *gone]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    clean(tmp_path)

    assert all(file.exists() for file in kept)
    assert not any(file.exists() for file in gone)
    assert list(made(tmp_path)) == []
