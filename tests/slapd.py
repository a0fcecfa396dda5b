"""An LDAP directory of a test's own: OpenLDAP's slapd, with passwords, groups, a password policy and TLS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import services
from swap import ports

BASE = "dc=swap,dc=test"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
ACCOUNT = f"cn=swap,ou=services,{BASE}"
ACCOUNT_PASSWORD = "what swap says"
ROOT = f"cn=admin,{BASE}"
ROOT_PASSWORD = "who runs it"
_CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
loglevel stats
{tls}
database mdb
suffix "{base}"
rootdn "{root}"
rootpw "{password}"
directory {state}/data
envflags nosync
index objectClass,uid,cn,member,memberUid,entryUUID eq
overlay memberof
overlay ppolicy
ppolicy_default "cn=usual,ou=policies,{base}"
access to attrs=userPassword by self write by anonymous auth by * none
access to dn.subtree="ou=people,{base}" by dn.exact="{account}" read by anonymous auth by self read by * none
access to * by dn.exact="{account}" read by anonymous auth by * none
"""
_TREE = """\
dn: {base}
objectClass: domain
dc: swap

dn: ou=people,{base}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{base}
objectClass: organizationalUnit
ou: groups

dn: ou=services,{base}
objectClass: organizationalUnit
ou: services

dn: ou=policies,{base}
objectClass: organizationalUnit
ou: policies

dn: cn=usual,ou=policies,{base}
objectClass: pwdPolicy
objectClass: person
cn: usual
sn: usual
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: {failures}
pwdFailureCountInterval: 900
pwdMustChange: TRUE

dn: {account}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: swap
userPassword: {password}
"""


def person(name: str, password: str, *, dn: str = "", identity: str = "", more: Sequence[str] = ()) -> str:
    """Return a person's entry; of the same name and identity, the same wherever it is loaded."""
    lines = (
        f"dn: {dn or f'uid={name},{PEOPLE}'}",
        "objectClass: inetOrgPerson",
        "objectClass: shadowAccount",
        f"uid: {name}",
        f"cn: {name}",
        f"sn: {name}",
        f"userPassword: {password}",
        f"entryUUID: {identity or uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        *more,
    )
    return "\n" + "\n".join(lines) + "\n"


def group(name: str, *members: str, under: str = GROUPS, kind: str = "groupOfNames") -> str:
    """Return a group's entry; its members by DN, or by the name of somebody below PEOPLE."""
    attribute = {"groupOfNames": "member", "groupOfUniqueNames": "uniqueMember"}[kind]
    dns = (member if "=" in member else f"uid={member},{PEOPLE}" for member in members)
    lines = (f"dn: cn={name},{under}", f"objectClass: {kind}", f"cn: {name}", *(f"{attribute}: {dn}" for dn in dns))
    return "\n" + "\n".join(lines) + "\n"


def posix_group(name: str, number: int, *uids: str) -> str:
    """Return a posixGroup's entry."""
    lines = ["objectClass: posixGroup", f"cn: {name}", f"gidNumber: {number}", *(f"memberUid: {uid}" for uid in uids)]
    return "\n" + "\n".join([f"dn: cn={name},{GROUPS}", *lines]) + "\n"


class Slapd:
    """A directory's server; several with the same entries are one directory."""

    pattern = f"uid=%s,{PEOPLE}"

    def __init__(
        self, *entries: str, certificate: tuple[Path, Path] | None = None, failures: int = 6, more: str = ""
    ) -> None:
        """Start it with these entries; with a certificate, it speaks TLS at both ports; `more` is of its settings."""
        self.state = services.temporary_directory()
        self.port, self.tls_port = ports.free(2)
        self.url, self.tls_url = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        (self.state / "data").mkdir()
        self._config = self.state / "slapd.conf"
        self._tls = certificate is not None
        keys = more + "\nTLSCertificateFile {}\nTLSCertificateKeyFile {}".format(*certificate) if certificate else more
        self._config.write_text(
            _CONFIG.format(state=self.state, tls=keys, base=BASE, root=ROOT, password=ROOT_PASSWORD, account=ACCOUNT)
        )
        tree = _TREE.format(base=BASE, account=ACCOUNT, password=ACCOUNT_PASSWORD, failures=failures)
        command = ["/usr/sbin/slapadd", "-f", self._config]
        subprocess.run(command, input=tree + "".join(entries), text=True, check=True, capture_output=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        urls = f"{self.url} {self.tls_url}" if self._tls else self.url
        with (self.state / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/slapd", "-f", self._config, "-h", urls, "-d", "stats"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + 30
        while not ports.answers(self.port):
            assert self._process.poll() is None, self.log()[-4000:]
            assert time.monotonic() < ends, "slapd does not answer"
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it accept connections and answer nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def change(self, ldif: str) -> None:
        """Change entries, as its administrator."""
        command = ["ldapmodify", "-x", "-H", self.url, "-D", ROOT, "-w", ROOT_PASSWORD]
        done = subprocess.run(command, input=ldif, text=True, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr

    def set(self, dn: str, attribute: str, *values: str) -> None:
        """Give an entry these values of an attribute, in place of those it has."""
        lines = "".join(f"{attribute}: {value}\n" for value in values)
        self.change(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{lines}")

    def set_password(self, dn: str, before: str, after: str) -> None:
        """Change a password as its person does, which the password policy sees."""
        command = ["ldapmodify", "-x", "-H", self.url, "-D", dn, "-w", before]
        change = f"dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {after}\n"
        done = subprocess.run(command, input=change, text=True, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr

    def delete(self, dn: str) -> None:
        """Delete an entry."""
        self.change(f"dn: {dn}\nchangetype: delete\n")

    def values(self, dn: str, attribute: str) -> list[str]:
        """Return an entry's values of an attribute, operational ones too."""
        command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.url, "-D", ROOT, "-w", ROOT_PASSWORD]
        done = subprocess.run([*command, "-b", dn, "-s", "base", attribute], text=True, check=True, capture_output=True)
        return re.findall(rf"^{attribute}: (.*)$", done.stdout, re.MULTILINE)

    def log(self) -> str:
        """Return what it says it was asked."""
        return (self.state / "log").read_text(errors="replace")

    def asked(self, operation: str) -> list[str]:
        """Return its log's lines of one kind of question, such as SRCH base, BIND dn, EXT oid."""
        return [line for line in self.log().splitlines() if f" {operation}" in line]

    def close(self) -> None:
        """End it, and forget its things."""
        if self._process is not None:
            os.kill(self.pid, signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.state, ignore_errors=True)
