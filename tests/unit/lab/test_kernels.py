"""What a kernel inherits."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.lab.kernels import closed, ipython_directory


def test_a_kernel_inherits_nothing_of_the_hub_and_no_credential() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/h",
        "JUPYTERHUB_API_TOKEN": "t",
        "JUPYTERHUB_CLIENT_ID": "c",
        "JPY_API_TOKEN": "t",
        "SWAP_SERVER_CREDENTIAL": "s",
        "SWAP_RUNTIME": "/r",
        "PGPASSWORD": "p",
        "SWAP_TOKEN_SOCKET": "/s",
    }
    assert closed(environ) == {"PATH": "/bin", "HOME": "/h", "SWAP_TOKEN_SOCKET": "/s"}


def test_ipython_keeps_what_it_has_at_home_and_makes_it_there(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}

    assert ipython_directory(environ, Path("/other")) == {}
    assert (tmp_path / ".ipython/profile_default/startup").is_dir()


@pytest.mark.parametrize("place", [".ipython", ".ipython/profile_default"])
def test_where_ipython_cannot_make_its_directory_it_gets_another(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()

    assert ipython_directory({"HOME": str(tmp_path)}, Path("/other")) == {"IPYTHONDIR": "/other"}


def test_what_ipython_has_made_at_home_is_used_whatever_the_disk_says(tmp_path: Path) -> None:
    startup = tmp_path / ".ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "README").write_text("made")
    before = startup.stat().st_mtime_ns

    assert ipython_directory({"HOME": str(tmp_path)}, Path("/other")) == {}
    assert startup.stat().st_mtime_ns == before, "nothing is tried"
