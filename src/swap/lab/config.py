"""Turn the environment into the Jupyter server's configuration.  Only sets values; reads and writes nothing.

Every path is explicit and lies outside the person's home where it decides what runs, so that no file
there can switch SWAP's extension off or put a kernel of its own in our kernel's place.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from swap import logs, r
from swap.lab.contents import SENT_BYTES
from swap.lab.environment import Environment

PACKAGE = Path(__file__).parent
LABEXTENSION = "@swap/lab"
KERNEL = "swap"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
STARTUP = PACKAGE.parent / "client" / "startup"
"""What the notebooks' Python runs as it starts, in terminals and where a cell starts one: it lets it find the layer."""
NOWHERE = "/nonexistent"
SOCKET_PATH_BYTES = 107
"""What a unix socket's path may hold on Linux."""

DISABLED_EXTENSIONS = (
    "@jupyterlab/application-extension:logo",  # SWAP's mark stands there, and leads home
    "@jupyterlab/apputils-extension:announcements",  # the news prompt and the update check
    "@jupyterlab/apputils-extension:resolver",  # ours stands in its place and does not wait
    "@jupyterlab/completer-extension:base-service",  # ours stands in its place and stands aside inside SQL
    "@jupyterlab/extensionmanager-extension",
    "@jupyterlab/fileeditor-extension:language-server",
    "@jupyterlab/help-extension:jupyter-forum",
    "@jupyterlab/help-extension:resources",  # links to outside hosts
    "@jupyterlab/hub-extension:connectionlost",  # ours stands in its place and knows SWAP from a server
    "@jupyterlab/hub-extension:menu",  # Hub Control Panel and Log Out: the portal has both, in SWAP's words
    "@jupyterlab/lsp-extension",  # there is no language server
    "@jupyterlab/notebook-extension:language-server",
    "@jupyterlab/pluginmanager-extension",
    "jupyterlab-plotly",  # ours loads it with the first figure, not with each page
)
"""Parts of JupyterLab that are off for everyone; `pages.rewrite` holds it against files at home."""

SOURCES = {
    "default-src": "'self'",
    # Lab compiles its settings' schemas: it does not start without 'unsafe-eval'.
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""What a page of the server may load and do: itself, and no other host."""

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def content_security_policy(lab_page: str) -> str:
    """Return the header.  `lab_page` is JupyterLab's page: its own inline scripts are allowed by their digests.

    >>> "script-src 'self' 'unsafe-eval' 'sha256-" in content_security_policy("<script>go()</script>")
    True
    """
    digests = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in INLINE_SCRIPT.findall(lab_page)
    )
    allowed = {
        **SOURCES,
        "script-src": " ".join((SOURCES["script-src"], *(f"'sha256-{digest}'" for digest in digests))),
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def kernelspec(environment: Environment) -> dict[str, Any]:
    """Return the kernel of Python: the notebooks' own environment, with `swap` loaded.

    `-E -s` keep PYTHON* variables and the home's packages out; `-I` would also drop the notebook's folder.
    """
    prefix = environment.kernel_env
    return {
        "argv": [
            str(prefix / "bin" / "python"),
            "-E",
            "-s",
            "-m",
            "ipykernel_launcher",
            "-f",
            "{connection_file}",
            "--ext=swap",
        ],
        "display_name": "Python (SWAP)",
        "language": "python",
        "env": _programs(environment),
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
    }


def _programs(environment: Environment) -> dict[str, str]:
    """Return where a cell and a terminal find programs: the notebooks' Python first, one's own packages last."""
    prefix = environment.kernel_env
    own = (
        environment.home / ".local/share/swap" / python.name / "bin" for python in sorted(prefix.glob("lib/python3*"))
    )
    return {
        "PATH": ":".join((str(prefix / "bin"), SYSTEM_PATH, *map(str, own))),
        "VIRTUAL_ENV": str(prefix),
        "PYTHONPATH": str(STARTUP),
    }


def r_kernelspec(program: str) -> dict[str, Any]:
    """Return the kernel of R, with `swap` for R attached.

    Neither the home's start-up files nor its libraries are read before SWAP's part is there; the site's are.
    """
    return {
        "argv": [
            program,
            "--no-echo",
            "--no-save",
            "--no-restore",
            "--no-init-file",
            f"--file={r.FILES / 'kernel.R'}",
            "--args",
            "{connection_file}",
        ],
        "display_name": "R (SWAP)",
        "language": "R",
        "env": {"PATH": SYSTEM_PATH, "R_LIBS_USER": NOWHERE, "R_ENVIRON_USER": NOWHERE},
        # IRkernel knows no encryption.
        "metadata": {},
    }


def terminal(environment: Environment) -> list[str]:
    """Return the command of a terminal: the kernel's Python first, nothing of the server's environment."""
    prefix = environment.kernel_env
    variables = {
        **_programs(environment),
        "HOME": str(environment.home),
        "LANG": environment.language,
        "TERM": "xterm-256color",
        "SHELL": "/bin/bash",
        "SWAP_GATEWAY": environment.gateway,
        "SWAP_HOME_URL": environment.home_url,
        "SWAP_TOKEN_SOCKET": str(environment.token_socket),
        "SWAP_KERNEL_ENV": str(prefix),
        **dict(environment.pip),
    }
    if environment.time_zone:
        variables["TZ"] = environment.time_zone
    return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items()), "/bin/bash"]


def transport(runtime: Path) -> dict[str, str]:
    """Return how server and kernels talk: unix sockets in our private directory, or encrypted TCP.

    TCP only where the directory's path is too long for a socket's name.
    """
    longest = runtime / ("kernel-" + "0" * 36 + "-ipc-1")
    if len(os.fsencode(longest)) <= SOCKET_PATH_BYTES:
        return {"transport": "ipc"}
    return {"transport": "tcp", "transport_encryption": "required"}


def build(
    environment: Environment, *, private: Path, prefix: Path, lab_page: str, root_user: bool
) -> dict[str, dict[str, Any]]:
    """Return class → trait → value for the Jupyter server and JupyterLab.

    `private` is this server's own directory, `prefix` the environment the server itself runs in, `lab_page`
    the text of JupyterLab's page there.
    """
    return {
        "ServerApp": {**_server(environment), "tornado_settings": _answers(lab_page), "allow_root": root_user},
        "LabApp": _lab(environment, private, prefix),
        **_kernels(private),
        "BoundedContents": {"delete_to_trash": False, "always_delete_dir": True},
        "HTMLExporter": {
            "template_name": "swap",
            "extra_template_basedirs": [str(PACKAGE / "templates")],
            "filters": {"clean_html": "swap.lab.exporting.clean"},
        },
        # The push ends access within seconds; the cache only spares the hub, which may be away meanwhile.
        "HubOAuth": {"cache_max_age": 300},
    }


def _server(environment: Environment) -> dict[str, Any]:
    """Return what the server is made of and where it works."""
    return {
        "jpserver_extensions": {
            "jupyterlab": True,
            "jupyter_server_terminals": True,
            "swap.lab": True,
            "jupyter_lsp": False,
            "notebook_shim": False,
            "jupyterhub": False,
        },
        "root_dir": str(environment.root),
        "default_url": "/lab",
        "open_browser": False,
        "kernel_spec_manager_class": "swap.lab.kernels.ListedKernelSpecs",
        "contents_manager_class": "swap.lab.contents.BoundedContents",
        "session_manager_class": "swap.lab.sessions.OneForEach",
        "max_body_size": SENT_BYTES,
        "max_buffer_size": SENT_BYTES,
        "terminado_settings": {"shell_command": terminal(environment)},
    }


def _answers(lab_page: str) -> dict[str, Any]:
    """Return what goes with each answer: its headers, its cookies and its line in the log."""
    return {
        "headers": {
            "Content-Security-Policy": content_security_policy(lab_page),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        },
        "log_function": logs.log_request,
        "cookie_options": {"SameSite": "Lax"},
        "xsrf_cookie_kwargs": {"SameSite": "Lax"},
    }


def _lab(environment: Environment, private: Path, prefix: Path) -> dict[str, Any]:
    """Return where JupyterLab finds its parts and settings, and that it neither asks for news nor changes itself."""
    return {
        "labextensions_path": [str(prefix / "share" / "jupyter" / "labextensions")],
        "extra_labextensions_path": [str(private / "labextensions")],
        # Settings of the site, which are a person's defaults; and a directory that never is at home.
        "app_settings_dir": str(PACKAGE / "settings"),
        "user_settings_dir": str(environment.home / ".jupyter" / "lab" / "user-settings"),
        "workspaces_dir": str(environment.home / ".jupyter" / "lab" / "workspaces"),
        "app_dir": str(prefix / "share" / "jupyter" / "lab"),
        "extension_manager": "readonly",
        "lock_all_plugins": True,
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "custom_css": False,
        "expose_app_in_browser": False,
    }


def _kernels(private: Path) -> dict[str, dict[str, Any]]:
    """Return which kernels there may be, and how the server talks to it."""
    return {
        "ListedKernelSpecs": {
            "ensure_native_kernel": False,
            "allowed_kernelspecs": {KERNEL, r.KERNEL},
            "kernel_dirs": [str(private / "kernels")],
        },
        "MultiKernelManager": {
            "default_kernel_name": KERNEL,
            "kernel_manager_class": "swap.lab.kernels.ClosedKernelManager",
        },
        "ClosedKernelManager": transport(private / "run"),
    }
