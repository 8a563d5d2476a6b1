"""uv gets pip's configuration; what is half made is never taken for whole."""

from pathlib import Path

import pytest

from fanout_tools import installer

INDEX = "https://index.example/simple"


def test_pips_settings_are_handed_on_to_uv() -> None:
    pip = {
        "index-url": INDEX,
        "extra-index-url": "file:///one file:///two",
        "find-links": "/wheels /more",
        "trusted-host": "index.example",
        "cert": "/ca.pem",
    }

    assert installer.uv_settings(pip, {}) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": INDEX,
        "UV_INDEX": "file:///one file:///two",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "index.example",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_what_is_set_for_uv_itself_stays() -> None:
    assert "UV_DEFAULT_INDEX" not in installer.uv_settings({"index-url": INDEX}, {"UV_DEFAULT_INDEX": "mine"})


def test_pip_is_asked_for_its_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pip.conf"
    file.write_text(
        f"[global]\nindex-url = https://other.example/simple\nextra-index-url =\n  {INDEX}/a\n  {INDEX}/b\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", INDEX)

    found = installer.pip_configuration()

    assert found["index-url"] == INDEX
    assert found["extra-index-url"] == f"{INDEX}/a {INDEX}/b"


def test_pip_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANOUT_INSTALLER", "pip")

    assert installer.find_uv() is None


def test_a_uv_that_is_half_installed_is_installed_anew_or_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fanout]\n")
    (tmp_path / "build" / "uv" / "bin").mkdir(parents=True)
    (tmp_path / "build" / "uv" / "bin" / "uv").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.delenv("FANOUT_INSTALLER", raising=False)

    assert installer.find_uv() is None
    assert "pip is used" in capsys.readouterr().err
