"""What a kernel inherits."""

from __future__ import annotations

from swap.lab.kernels import closed


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
