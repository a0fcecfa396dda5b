"""The server's configuration: explicit paths, kernels of ours, no outside host."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from swap.lab import config, kernels
from swap.lab.environment import Environment

HOME = Path("/homes/p7k2m9x4qa")
PRIVATE = Path("/run/swap/p7k2m9x4qa.d")
PREFIX = Path("/opt/server")
ENVIRONMENT = Environment(
    gateway="http://127.0.0.1:9000",
    home_url="http://localhost:8000",
    person_name="Ann",
    credential="s3cret",
    token_socket=Path("/run/swap/p7k2m9x4qa.sock"),
    kernel_env=Path("/opt/kernel"),
    home=HOME,
    root=HOME,
    language="C.UTF-8",
    time_zone="Europe/Berlin",
)


def built(**changes: Any) -> dict[str, dict[str, Any]]:
    values: dict[str, Any] = {"private": PRIVATE, "prefix": PREFIX, "lab_page": "<p>", "root_user": False, **changes}
    return config.build(ENVIRONMENT, **values)


def test_what_decides_what_runs_lies_outside_the_home() -> None:
    lab, kernels = built()["LabApp"], built()["ListedKernelSpecs"]
    deciding = [
        *lab["labextensions_path"],
        *lab["extra_labextensions_path"],
        lab["app_settings_dir"],
        lab["app_dir"],
        *kernels["kernel_dirs"],
    ]
    assert deciding
    assert not [path for path in deciding if Path(path).is_relative_to(HOME)]


def test_a_persons_own_settings_stay_in_the_home() -> None:
    assert Path(built()["LabApp"]["user_settings_dir"]).is_relative_to(HOME)


def test_our_extension_comes_before_those_of_the_environment() -> None:
    assert built()["LabApp"]["extra_labextensions_path"] == [str(PRIVATE / "labextensions")]


def test_no_secret_is_in_the_configuration() -> None:
    assert "s3cret" not in repr(built()) + repr(config.kernelspec(ENVIRONMENT))


def test_pythons_kernel_runs_in_its_own_environment() -> None:
    spec = config.kernelspec(ENVIRONMENT)
    assert spec["argv"][:3] == ["/opt/kernel/bin/python", "-E", "-s"]
    assert "--ext=swap" in spec["argv"]
    assert built()["ListedKernelSpecs"]["allowed_kernelspecs"] == {"swap", "swap-r"}
    assert json.loads(json.dumps(spec)) == spec


def test_rs_kernel_reads_nothing_of_the_home_before_swap_is_there() -> None:
    spec = config.r_kernelspec("/usr/bin/R")
    assert {"--no-init-file", "--no-restore", "--no-save"} <= set(spec["argv"])
    assert spec["argv"][-2:] == ["--args", "{connection_file}"]
    assert spec["env"] == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "R_LIBS_USER": "/nonexistent",
        "R_ENVIRON_USER": "/nonexistent",
    }
    assert set(spec["env"]) <= kernels.ALLOWED


def test_a_terminal_inherits_nothing_and_finds_the_kernels_python_first() -> None:
    command = config.terminal(ENVIRONMENT)
    assert command[:2] == ["/usr/bin/env", "-i"]
    assert "PATH=/opt/kernel/bin:/usr/local/bin:/usr/bin:/bin" in command
    assert not [word for word in command if "JUPYTERHUB" in word or "CREDENTIAL" in word]


def test_what_a_person_installed_is_found_last(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.11").mkdir(parents=True)
    environment = replace(ENVIRONMENT, kernel_env=tmp_path, pip=(("PIP_INDEX_URL", "https://pypi.example.org/simple"),))

    assert f"PATH={tmp_path}/bin:/usr/local/bin:/usr/bin:/bin:{HOME}/.local/share/swap/python3.11/bin" in (
        config.terminal(environment)
    )
    assert "PIP_INDEX_URL=https://pypi.example.org/simple" in config.terminal(environment)
    assert config.kernelspec(environment)["env"]["PYTHONPATH"] == str(config.STARTUP)
    assert [path.name for path in config.STARTUP.glob("*.py")] == ["sitecustomize.py"]


def test_kernels_talk_over_sockets_unless_the_path_is_too_long_for_one() -> None:
    assert config.transport(Path("/run/swap/p.d/run")) == {"transport": "ipc"}
    assert config.transport(Path("/run") / ("x" * 80)) == {"transport": "tcp", "transport_encryption": "required"}


def test_a_page_may_load_from_its_own_server_only() -> None:
    policy = config.content_security_policy("")
    assert "://" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_labs_own_inline_script_is_allowed_by_its_digest_and_no_other_is() -> None:
    script = "\n  go();"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = config.content_security_policy(f"<html><script>{script}</script></html>")
    assert policy.count("sha256-") == 1
    assert f"'sha256-{digest}'" in policy


def test_news_updates_and_the_extension_manager_are_off() -> None:
    lab = built()["LabApp"]
    assert (lab["news_url"], lab["extension_manager"], lab["lock_all_plugins"]) == (None, "readonly", True)
    assert lab["check_for_updates_class"] == "jupyterlab.NeverCheckForUpdate"


def test_root_is_allowed_only_for_root() -> None:
    assert built(root_user=True)["ServerApp"]["allow_root"] is True
    assert built()["ServerApp"]["allow_root"] is False
