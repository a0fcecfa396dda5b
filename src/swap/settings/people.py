"""Who may sign in.  Only values: nothing here asks a directory."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from swap.settings.base import Location, Model, Seconds, Secret

NAMES = frozenset({"cn", "dn", "displayname", "gidnumber", "mail", "samaccountname", "uid", "uidnumber"})
"""Attributes that can be given to somebody else, in lower case."""


def _of_ldap(address: str) -> str:
    found = re.fullmatch(r"ldaps?://(?:[^\s:/@\[\]]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?", address)
    if found is None or not 0 < int(found[1] or 1) < 2**16:
        msg = (
            "it must be ldaps://host or ldap://host, with a port if need be, for example ldaps://ldap1.example.org:636"
        )
        raise ValueError(msg)
    return address


def _of_a_page(address: str) -> str:
    if address and re.fullmatch(r"https?://[^\s\"'<>\\]+", address) is None:
        msg = "it must be the http(s) address of a page"
        raise ValueError(msg)
    return address


LdapAddress = Annotated[str, AfterValidator(_of_ldap)]
Page = Annotated[str, AfterValidator(_of_a_page)]
Dn = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+ *=.+$")]
Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class Ldap(Model):
    """The organisation's directory of people, asked over LDAP; always encrypted, its certificates always verified."""

    servers: tuple[LdapAddress, ...] = Field(
        min_length=1,
        description="Where it answers: ldaps://host (TLS from the start) or ldap://host (StartTLS, always). The first"
        " that answers is asked.",
    )
    ca: Location | None = Field(
        default=None, description="File of the authorities that certify the servers; by default the system's."
    )
    bind_dn: Dn = Field(description="The account SWAP reads the directory as.")
    bind_password: Secret = Field(description="The account's password; a file that only the hub can read.")
    base: Dn = Field(description="Where people are; also below it.")
    filter: str = Field(
        default="(objectClass=*)",
        pattern=r"^\(.+\)$",
        description="Who of them counts, as an LDAP filter; who does not match it does not exist for SWAP.",
    )
    name_attribute: Attribute = Field(
        default="uid", description="The attribute with the name that people sign in with."
    )
    id_attribute: Attribute = Field(
        default="entryUUID",
        description="The attribute that tells a person from everybody before and after: it never changes, and is never"
        " given to anybody else.",
    )
    password_changed_attribute: Attribute = Field(
        default="pwdChangedTime",
        description="The attribute that is another when the password is; where there is none, another password ends"
        " nothing.",
    )
    groups_base: Dn | None = Field(default=None, description="Where groups are, also below it; `base` when absent.")
    group_shape: Literal["groupOfNames", "posixGroup"] = Field(
        default="groupOfNames",
        description="How a group names its members: by DN (groupOfNames, groupOfUniqueNames) or by name and gidNumber"
        " (posixGroup).",
    )
    nested: bool = Field(
        default=False,
        description="Whether members of a member group are members too, 10 groups deep and 500 in all; only with"
        " groupOfNames.",
    )
    allowed_groups: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="Who is in one of these groups may sign in, and nobody else."
    )
    admin_group: str | None = Field(
        default=None,
        min_length=1,
        description="The group of those who run SWAP: its members may sign in too, and see the portal's admin pages.",
    )
    grace_minutes: float = Field(
        default=15.0,
        ge=0,
        description="Minutes for which people who are signed in go on working while the directory does not answer.",
    )
    name_hint: str = Field(default="", description="Which name to type, as the sign-in page says it.")
    access_page: Page = Field(default="", description="Address of the page where one asks to be put into a group.")
    password_page: Page = Field(default="", description="Address of the page where one changes or resets the password.")

    @property
    def way_in(self) -> tuple[str, ...]:
        """The groups whose members may sign in."""
        return (*self.allowed_groups, *((self.admin_group,) if self.admin_group else ()))

    @property
    def addresses(self) -> tuple[tuple[str, str, int], ...]:
        """Scheme, host and port of each server, in the order in which they are asked."""
        found = (urlsplit(each) for each in self.servers)
        return tuple((it.scheme, it.hostname or "", it.port or (636 if it.scheme == "ldaps" else 389)) for it in found)

    @field_validator("id_attribute")
    @classmethod
    def _tells_people_apart(cls, name: str) -> str:
        if name.lower() in NAMES:
            msg = f"{name} can be given to somebody else, who would inherit; use entryUUID or its like"
            raise ValueError(msg)
        return name


class Tries(Model):
    """How often wrong passwords may be tried; keep it below the directory's own lock-out."""

    per_name: int = Field(default=5, ge=1, le=100, description="Wrong tries under one name within `minutes`.")
    per_address: int = Field(default=50, ge=1, le=10_000, description="Wrong tries from one address within `minutes`.")
    minutes: float = Field(default=15.0, gt=0, le=1440, description="Minutes after which a wrong try is forgotten.")


class People(Model):
    """Who may sign in."""

    authenticator: Literal["file", "ldap"] = Field(
        default="file",
        description="How people sign in: `file` is the demo's and runs on loopback only, `ldap` asks a directory.",
    )
    file: Location | None = Field(default=None, description="The people file: names, hashed passwords, groups.")
    ldap: Ldap | None = Field(default=None, description="The organisation's directory.")
    admin_group: str | None = Field(
        default=None,
        min_length=1,
        description="The group of those who run SWAP, who see everybody's servers and queries; with a directory,"
        " `people.ldap.admin_group` can name it instead. Nobody does when neither is set.",
    )
    tries: Tries = Field(default_factory=Tries, description="How often wrong passwords may be tried.")
    sign_in_days: int = Field(default=7, ge=1, le=30, description="Days after which a sign-in ends by itself.")
    kernel_token_seconds: Seconds = Field(
        default=300.0, description="Seconds a kernel's token lives before it is renewed."
    )

    @property
    def admins(self) -> str | None:
        """The group of those who run SWAP, if there is one."""
        return (self.ldap.admin_group if self.ldap else None) or self.admin_group
