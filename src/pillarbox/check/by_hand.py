"""The same by hand: for each step, commands of other programs to copy into a shell.

Must never: put a password on a command line, or leave a name unquoted.
"""

from __future__ import annotations

import shlex

from pillarbox.check.findings import Section
from pillarbox.check.names import is_address, mail_domain
from pillarbox.check.services import Talk
from pillarbox.check.settings import CheckSettings
from pillarbox.check.steps.setup import urls


def commands(settings: CheckSettings, section: Section) -> tuple[str, ...]:
    """Lines for bash, none for a step that has no equal."""
    lines = {
        Section.DNS: _dns,
        Section.REACH: _reach,
        Section.TLS: _tls,
        Section.CERTIFICATE: _certificate,
        Section.SUITES: _suites,
        Section.TALK: _talk,
        Section.SETUP: _setup,
    }
    return lines[section](settings) if section in lines else ()


def s_client(settings: CheckSettings) -> str:
    """openssl's client, as far as every use of it goes."""
    words = ["openssl", "s_client", "-connect", _endpoint(settings)]
    if not is_address(settings.host):
        words += ["-servername", settings.host]
    if settings.service.openssl:
        words += ["-starttls", settings.service.openssl]
    if settings.ca_file:
        words += ["-CAfile", str(settings.ca_file)]
    return shlex.join(words)


def curl_words(settings: CheckSettings) -> tuple[str, ...]:
    """curl without a login; empty when it does not speak the protocol."""
    service = settings.service
    if service.curl is None:
        return ()
    trust = () if settings.ca_file is None else ("--cacert", str(settings.ca_file))
    tls = () if service.openssl is None else ("--ssl-reqd",)
    # Unless told else, curl asks an IMAP server for LIST, which needs a login.
    request = ("-X", "CAPABILITY") if service.talk is Talk.IMAP else ()
    return ("curl", "-v", *trust, *tls, *request, f"{service.curl}://{_endpoint(settings)}/")


def _endpoint(settings: CheckSettings) -> str:
    return f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"


def _dns(settings: CheckSettings) -> tuple[str, ...]:
    if is_address(settings.host):
        return ()
    host = shlex.quote(settings.host)
    at = f"@{settings.resolver.address} -p {settings.resolver.port} " if settings.resolver else ""
    lines = [f"dig +short {at}{host} A {host} AAAA"]
    domain = settings.domain or mail_domain(settings.host)
    if domain is not None:
        own = shlex.quote(domain)
        srv = f" _{settings.service.srv}._tcp.{own} SRV" if settings.service.srv else ""
        lines.append(f"dig +short {at}{own} MX{srv}")
        lines.append(f"dig +short {at}_{settings.port}._tcp.{host} TLSA {host} CAA")
    return tuple(lines)


def _reach(settings: CheckSettings) -> tuple[str, ...]:
    host, port = shlex.quote(settings.host), settings.port
    return (
        f"nc -zv -w 5 {host} {port}",
        f"timeout 5 bash -c '(echo > /dev/tcp/{host}/{port})' && echo open",
        f"telnet {host} {port}",
        f"nmap {'-6 ' if ':' in host else ''}-Pn -p {port} -sV {host}",
    )


def _tls(settings: CheckSettings) -> tuple[str, ...]:
    alpn = f" -alpn {settings.service.alpn}" if settings.service.alpn else ""
    curl = curl_words(settings)
    return (f"{s_client(settings)}{alpn} -brief </dev/null", *((shlex.join(curl),) if curl else ()))


def _certificate(settings: CheckSettings) -> tuple[str, ...]:
    check = "-verify_ip" if is_address(settings.host) else "-verify_hostname"
    client = s_client(settings)
    return (
        f"{client} {check} {shlex.quote(settings.host)} -verify_return_error </dev/null",
        f"{client} </dev/null 2>/dev/null | openssl x509 -noout -issuer -dates -fingerprint -sha256",
    )


def _suites(settings: CheckSettings) -> tuple[str, ...]:
    starttls = f"--starttls {settings.service.openssl} " if settings.service.openssl else ""
    ipv6 = "-6 " if ":" in settings.host else ""
    return (
        f"nmap {ipv6}-Pn -p {settings.port} --script +ssl-enum-ciphers {shlex.quote(settings.host)}",
        f"testssl --protocols --each-cipher {starttls}{shlex.quote(_endpoint(settings))}",
    )


def _talk(settings: CheckSettings) -> tuple[str, ...]:
    lines = [f"{s_client(settings)} -crlf -quiet"]
    curl = curl_words(settings)
    if curl and settings.login is not None:
        lines.append(shlex.join((*curl[:2], "--user", settings.login.user, *curl[2:])))
    return tuple(lines)


def _setup(settings: CheckSettings) -> tuple[str, ...]:
    if settings.domain is None:
        return ()
    return tuple(f"curl -v {shlex.quote(url)}" for url in urls(settings.domain))
