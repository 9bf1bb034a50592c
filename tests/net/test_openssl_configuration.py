"""A machine's OpenSSL configuration that allows everything changes nothing here."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from pillarbox.net.certificates import LocalCertificates

CARELESS = """
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = careless
[careless]
MinProtocol = TLSv1
MaxProtocol = TLSv1.2
CipherString = ALL:@SECLEVEL=0
Options = UnsafeLegacyRenegotiation,Compression,ClientRenegotiation,-ServerPreference,UnsafeLegacyServerConnect
{more}
"""

LOOK = """
import json, ssl, sys
from pathlib import Path
from pillarbox.net.tls import CertificateFiles, WeakTls, make_context
path = Path(sys.argv[1])
def judge(context):
    return [context.minimum_version.name, context.maximum_version.name, context.security_level, int(context.options),
            sorted(suite["name"] for suite in context.get_ciphers())]
try:
    made = judge(make_context(CertificateFiles(path, path)))
except WeakTls as error:
    made = str(error)
print(json.dumps([judge(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)), made]))
"""

Judged = tuple[str, str, int, int, list[str]]


def judged(certificates: LocalCertificates, configuration: Path | None) -> tuple[Judged, Judged | str]:
    """A context as Python makes it, and ours, in a process that was started with this configuration."""
    environment = {key: value for key, value in os.environ.items() if key != "OPENSSL_CONF"}
    if configuration is not None:
        environment["OPENSSL_CONF"] = str(configuration)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(certificates.files.certificate_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    theirs, ours = json.loads(done.stdout)
    return tuple(theirs), ours if isinstance(ours, str) else tuple(ours)


def test_careless_settings_of_the_machine_are_overruled(certificates: LocalCertificates, tmp_path: Path) -> None:
    path = tmp_path / "openssl.cnf"
    path.write_text(CARELESS.format(more=""))
    _, wanted = judged(certificates, None)
    theirs, ours = judged(certificates, path)
    assert theirs[1] == "TLSv1_2"  # it was read
    assert ours == wanted
    assert ours[:3] == ("TLSv1_2", "MAXIMUM_SUPPORTED", 2)
    assert ours[3] & ssl.OP_NO_RENEGOTIATION
    assert not ours[3] & 0x40004  # SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, SSL_OP_LEGACY_SERVER_CONNECT


@pytest.mark.parametrize("suites", ["TLS_AES_128_CCM_8_SHA256", "TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_8_SHA256"])
def test_a_weak_suite_of_tls_1_3_which_python_can_t_take_away_stops_the_start(
    certificates: LocalCertificates, tmp_path: Path, suites: str
) -> None:
    path = tmp_path / "openssl.cnf"
    path.write_text(CARELESS.format(more=f"Ciphersuites = {suites}"))
    _, ours = judged(certificates, path)
    assert ours == "take TLS_AES_128_CCM_8_SHA256 out of Ciphersuites in OpenSSL's configuration (openssl.cnf)"
