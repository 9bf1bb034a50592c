"""Tells people how to make their programs trust the authority that a server made for itself.

Must never: advise to switch off verification, or to trust without comparing the fingerprint.
"""

from __future__ import annotations

from pillarbox.net.own import LocalCertificates


def trust_advice(certificates: LocalCertificates, port: int) -> str:
    """A text for the operator, several lines."""
    path = certificates.authority_path
    name = certificates.names[0]
    return f"""\
This server made its own certificate authority. Programs verify the server once they trust this file:

    {path}

It can vouch for {", ".join(certificates.names)} and for nothing else.
Its key stays here; copy only this file to other machines, and compare there

    SHA-256 {certificates.fingerprint}

  Debian, Ubuntu   sudo cp {path} /usr/local/share/ca-certificates/pillarbox.crt
                   sudo update-ca-certificates
  Fedora, RHEL     sudo cp {path} /etc/pki/ca-trust/source/anchors/pillarbox.crt
                   sudo update-ca-trust
  macOS            sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {path.name}
  Windows          certutil -addstore Root {path.name}          (as administrator)
  Thunderbird      Settings, Privacy & Security, Manage Certificates, Authorities, Import: {path.name},
                   "Trust this CA to identify websites"
  iOS, Android     open the file on the device; iOS: then Settings, General, About, Certificate Trust Settings
  curl             curl --cacert {path} --user NAME imaps://{_host(name)}:{port}/

A certificate from a public authority needs none of this: set certificate and key in pillarbox.toml.
"""


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name
