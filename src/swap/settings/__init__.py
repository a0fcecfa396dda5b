"""One swap.toml → frozen models.  Unknown keys are errors that name the near miss; secrets stay in files.

Only values: nothing here opens a socket or a database.  A secret is a path or the name of an environment variable;
its content is read when it is used and never printed.
"""

from __future__ import annotations

from swap.settings.base import Secret
from swap.settings.file import load
from swap.settings.mail import Mail
from swap.settings.model import Keep, Launch, Limits, Reports, Settings, Site
from swap.settings.origins import Address, Origins
from swap.settings.people import Ldap, People, Tries
from swap.settings.policy import Denial, Grant, Policy
from swap.settings.sources import (
    FilesSource,
    HiveSource,
    Kerberos,
    MysqlAccount,
    MysqlShard,
    MysqlSource,
    PartitionedTime,
    PostgresSource,
    Source,
)

__all__ = [
    "Address",
    "Denial",
    "FilesSource",
    "Grant",
    "HiveSource",
    "Keep",
    "Kerberos",
    "Launch",
    "Ldap",
    "Limits",
    "Mail",
    "MysqlAccount",
    "MysqlShard",
    "MysqlSource",
    "Origins",
    "PartitionedTime",
    "People",
    "Policy",
    "PostgresSource",
    "Reports",
    "Secret",
    "Settings",
    "Site",
    "Source",
    "Tries",
    "load",
]
