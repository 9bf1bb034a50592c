"""OpenLDAP's slapd from Debian, with a few people in it: a directory of its own in a folder and on ports of its own.

Must never: touch the system's directory, or end a process that it did not start.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import trustme

BASE = "ou=people,dc=example,dc=org"
SERVICE_DN = "cn=pillarbox,dc=example,dc=org"
SERVICE_PASSWORD = "service secret"
GROUP = "cn=postmasters,ou=groups,dc=example,dc=org"
_START_SECONDS = 30.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by self read by anonymous auth by * none
"""

_ENTRIES = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: {service}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: pillarbox
userPassword: {service_password}
"""

_PERSON = """
dn: uid={name},ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
mail: {name}@example.org
employeeType: {kind}
"""


class Slapd:
    """slapd from `with` to the end of the block; stop() and start() between."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slapd-"))
        self.ca_file = self.folder / "ca.pem"
        self.password_file = self.folder / "service-password"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ldap(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def ldaps(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def ldapi(self) -> str:
        return f"ldapi://{quote(str(self.folder / 'ldapi'), safe='')}"

    def __enter__(self) -> Self:
        (self.folder / "data").mkdir()
        shutil.copy(_program(), self._binary)  # where AppArmor has rules for slapd, they are for the usual place
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        leaf = authority.issue_cert("localhost")
        leaf.private_key_pem.write_to_path(self.folder / "server.key")
        leaf.cert_chain_pems[0].write_to_path(self.folder / "server.pem")
        self.password_file.write_text(SERVICE_PASSWORD + "\n")
        self.password_file.chmod(0o600)
        self._configuration.write_text(_CONFIGURATION.format(folder=self.folder, service=SERVICE_DN))
        self._load(_entries())
        self.port = self.tls_port = 0
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it; again on the ports that it had."""
        for _ in range(5):
            if not self.port:
                self.port, self.tls_port = _free_port(), _free_port()
            if self._started():
                return
            self.port = 0
        raise AssertionError(f"slapd does not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it, at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _binary(self) -> Path:
        """One program, which does what its name says."""
        return self.folder / "slapd"

    @property
    def _configuration(self) -> Path:
        return self.folder / "slapd.conf"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _started(self) -> bool:
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.ldapi}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["slapd", "-d", "0", "-f", str(self._configuration), "-h", urls],
                executable=self._binary,
                env={"PATH": _PATH},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        self.stop()
        return False

    def _load(self, entries: str) -> None:
        subprocess.run(
            ["slapadd", "-f", str(self._configuration)],
            executable=self._binary,
            input=entries.encode(),
            env={"PATH": _PATH},
            check=True,
            capture_output=True,
        )


def _program() -> str:
    found = shutil.which("slapd", path=_PATH)
    assert found is not None, "slapd is missing: apt-get install slapd (tests/packages.txt)"
    return found


def _entries() -> str:
    people = [
        _PERSON.format(name="alice", kind="staff") + "userPassword: wonderland\nuid: Alicia\n",
        _PERSON.format(name="bob", kind="staff") + "userPassword: builder\n",
        _PERSON.format(name="eve", kind="gone") + "userPassword: evening\n",
        _PERSON.format(name="nopass", kind="staff"),
        _PERSON.format(name="twin1", kind="twin") + "userPassword: double\nuid: twin\n",
        _PERSON.format(name="twin2", kind="twin") + "userPassword: double\nuid: twin\n",
        _PERSON.format(name="decoy", kind="decoy") + "userPassword: nobody knows this\n",
    ]
    group = f"\ndn: {GROUP}\nobjectClass: groupOfNames\ncn: postmasters\nmember: uid=bob,{BASE}\n"
    start = _ENTRIES.format(service=SERVICE_DN, service_password=SERVICE_PASSWORD)
    return "\n".join([start, *people, group]).lstrip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
