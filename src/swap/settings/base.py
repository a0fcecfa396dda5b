"""What every table of swap.toml is made of.  A secret is a path or a variable's name; its content is never kept."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from swap.errors import Problem, SettingsError


def _from_file(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the directory of the file it stands in; outside a file it stays as it is."""
    base = (info.context or {}).get("base")
    path = path.expanduser()
    return path if base is None else Path(os.path.normpath(base / path))


def _with_a_port(address: str) -> str:
    found = re.fullmatch(r"[^\s:/@]+:([0-9]{1,5})", address)
    if found is None or not 0 < int(found[1]) < 2**16:
        msg = "it must be host:port, for example db1.example.org:3306"
        raise ValueError(msg)
    return address


def _with_a_name(address: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*)?:[0-9]+", _with_a_port(address)) is None:
        msg = "it must name a host, not its number, for example pypi.example.org:443"
        raise ValueError(msg)
    return address


def _of_a_hook(host: str) -> str:
    name, _, port = host.rpartition(":") if re.search(r":[0-9]+$", host) and not host.endswith("]") else (host, "", "")
    if port and not 0 < int(port[:6]) < 2**16:
        name = ""
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name) is None and not _is_in_brackets(name):
        msg = "it must be a host, for example hooks.example.org or hooks.example.org:8443"
        raise ValueError(msg)
    return host


def _is_in_brackets(name: str) -> bool:
    try:
        return name[:1] + name[-1:] == "[]" and ip_address(name[1:-1]).version == 6
    except ValueError:
        return False


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches an address to listen on."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


Location = Annotated[Path, AfterValidator(_from_file)]
Seconds = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Address = Annotated[str, AfterValidator(_with_a_port)]
"""host:port"""
HostAddress = Annotated[str, AfterValidator(_with_a_name)]
"""host:port, where the host is a name"""
HookHost = Annotated[str, AfterValidator(_of_a_hook)]
"""host, or host:port; a name or a number, of version 6 in brackets"""


class Model(BaseModel):
    """The base of every table of swap.toml: frozen, and closed against unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(Model):
    """Where a secret is: exactly one of a file's path or an environment variable's name."""

    file: Location | None = Field(default=None, description="Path of a file that holds the secret, mode 0600.")
    env: str | None = Field(default=None, description="Name of an environment variable that holds the secret.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            msg = "name exactly one of file or env"
            raise ValueError(msg)
        return self

    def read(self) -> str:
        """Return the secret.  Raises SettingsError naming the file or variable, never its content."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise SettingsError(
                    Problem(
                        f"The environment variable {self.env} is not set.",
                        todo=f"Set {self.env}, or name a file instead.",
                    )
                )
            return value
        assert self.file is not None
        try:
            return self.file.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingsError(
                Problem(
                    f"The secret file {self.file} cannot be read: {error.strerror}.",
                    todo="Create it, readable by SWAP's own user only.",
                )
            ) from error
