"""What other scanners say of a server on loopback: nmap, testssl.sh and openssl."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

VERSIONS = {"SSLv3": "SSL 3.0", "TLSv1.0": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def nmap_suites(port: int) -> dict[str, set[str]]:
    """Version -> accepted suites, by nmap's ssl-enum-ciphers."""
    words = ["nmap", "-n", "-Pn", "-p", str(port), "--script", "+ssl-enum-ciphers", "-oX", "-", "127.0.0.1"]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    found = {}
    for table in ElementTree.fromstring(text).findall(".//script[@id='ssl-enum-ciphers']/table"):
        names = table.findall("./table[@key='ciphers']/table/elem[@key='name']")
        # nmap writes TLS 1.3's suites as those before it: TLS_AKE_WITH_AES_128_GCM_SHA256.
        found[VERSIONS[table.attrib["key"]]] = {(name.text or "").replace("TLS_AKE_WITH_", "TLS_") for name in names}
    return found


@dataclass(frozen=True, slots=True)
class Testssl:
    """A running testssl.sh; slow, so start it early and ask late."""

    process: subprocess.Popen[bytes]
    file: Path

    def findings(self) -> dict[str, str]:
        """Id -> finding, when it ends."""
        self.process.wait(120)
        return {each["id"]: each["finding"] for each in json.loads(self.file.read_text())}


def start_testssl(port: int, folder: Path, *what: str) -> Testssl:
    """Of 127.0.0.1 under the name localhost."""
    file = folder / f"testssl-{port}.json"
    words = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"]
    process = subprocess.Popen(
        [*words, *what, "--jsonfile", str(file), f"localhost:{port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Its waits are made for the internet.
        env=os.environ | {"HEADER_MAXSLEEP": "1", "USLEEP_SND": "0.01", "USLEEP_REC": "0.05"},
    )
    return Testssl(process, file)


def openssl_verify(port: int, ca_file: Path, name: str = "localhost") -> int | None:
    """OpenSSL's verify code, 0 for good; None when there is no TLS."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-verify_hostname", name]
    trust = ["-no-CApath", "-no-CAstore", "-CAfile", str(ca_file)]
    done = subprocess.run(
        [*words, *trust, "-cipher", "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=20,
    )  # fmt: skip
    if "-----BEGIN CERTIFICATE" not in done.stdout:
        return None
    return int(done.stdout.split("Verify return code: ")[1].split()[0])


def openssl_accepts(port: int, option: str) -> bool:
    """Whether OpenSSL gets through with just one version, such as -tls1_2."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", option, "-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20)
    return "-----BEGIN CERTIFICATE" in done.stdout
