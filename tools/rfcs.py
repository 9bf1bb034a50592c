"""Writes docs/rfcs.md: every RFC that the IMAP room follows and every capability of the IANA registry.

What is spoken comes from the registry of commands (the `rfc=` fields), so the page can't claim more than is there;
what is not spoken has its reason here. Run `make reference`.

Must never: say that something is there because this file says so.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from pillarbox.imap import commands, overture

TITLES: Final = {
    2177: "IDLE", 2342: "NAMESPACE", 2971: "ID", 3348: "CHILDREN", 3501: "IMAP4rev1", 3502: "MULTIAPPEND",
    3516: "BINARY", 3691: "UNSELECT", 4314: "ACL", 4315: "UIDPLUS", 4422: "SASL, and EXTERNAL", 4467: "URLAUTH",
    4469: "CATENATE", 4616: "SASL PLAIN",
    4731: "ESEARCH", 4959: "SASL-IR", 4978: "COMPRESS", 5032: "WITHIN", 5161: "ENABLE", 5182: "SEARCHRES",
    5255: "Internationalisation: LANGUAGE, I18NLEVEL", 5256: "SORT and THREAD", 5258: "LIST-EXTENDED",
    5267: "Contexts: ESORT, CONTEXT=SEARCH, CONTEXT=SORT", 5464: "METADATA", 5465: "NOTIFY", 5466: "FILTERS",
    5524: "URLAUTH=BINARY",
    5550: "URL-PARTIAL",
    5802: "SCRAM", 7628: "OAUTHBEARER", 7677: "SCRAM-SHA-256",
    5819: "LIST-STATUS", 5957: "SORT=DISPLAY", 6154: "SPECIAL-USE", 6203: "SEARCH=FUZZY", 6851: "MOVE",
    7162: "CONDSTORE and QRESYNC", 7377: "MULTISEARCH", 7888: "LITERAL+", 7889: "APPENDLIMIT", 8437: "UNAUTHENTICATE",
    8438: "STATUS=SIZE", 8440: "LIST-MYRIGHTS", 8474: "OBJECTID", 8508: "REPLACE", 8514: "SAVEDATE", 8970: "PREVIEW",
    9051: "IMAP4rev2", 9208: "QUOTA", 9394: "PARTIAL", 9585: "INPROGRESS", 9586: "UIDONLY", 9590: "LIST-METADATA",
    9738: "MESSAGELIMIT and SAVELIMIT", 9755: "UTF8=ACCEPT",
}  # fmt: skip

ELSEWHERE: Final = (
    (2045, "MIME: bodies, media types, encoded words (2045-2047, 2231)", "mime/"),
    (5322, "Internet messages", "mime/"),
    (5530, "Response codes", "imap/refusals.py"),
    (5788, "Registered keywords", "mail/flags.py"),
    (5929, "Channel binding `tls-server-end-point`", "net/binding.py"),
    (7662, "Token introspection", "auth/oauth/tokens.py"),
    (8314, "Implicit TLS on port 993", "net/tls.py"),
    (8457, "`\\Important`", "mail/specialuse.py"),
    (9266, "Channel binding `tls-exporter`", "net/binding.py"),
)
"""RFCs without a command or capability of their own."""

NOT_SPOKEN: Final = {
    "ANNOTATE-EXPERIMENT-1": "no: an experiment of 2008 that no client follows",
    "CONVERT": "no: the server never converts people's documents",
    "I18NLEVEL=2": "to come", "IMAPSIEVE": "comes with Sieve",
    "JMAPACCESS": "no: there is no JMAP server to name",
    "LITERAL-": "no: LITERAL+ is offered, and a server offers one of them",
    "LOGIN-REFERRALS": "no: one server keeps all of an account's mail",
    "MAILBOX-REFERRALS": "no: one server keeps all of an account's mail",
    "UTF8=ALL": "no: obsolete (RFC 5738, replaced by 6855)",
    "UTF8=APPEND": "no: obsolete (RFC 5738, replaced by 6855)",
    "UTF8=ONLY": "no: it would lock out clients without UTF-8",
    "UTF8=USER": "no: obsolete (RFC 5738, replaced by 6855)",
}  # fmt: skip

REGISTERED: Final = {
    "ACL": 4314, "ANNOTATE-EXPERIMENT-1": 5257, "APPENDLIMIT": 7889, "AUTH=": 9051, "BINARY": 3516, "CATENATE": 4469,
    "CHILDREN": 3348, "COMPRESS=DEFLATE": 4978, "CONDSTORE": 7162, "CONTEXT=SEARCH": 5267, "CONTEXT=SORT": 5267,
    "CONVERT": 5259, "CREATE-SPECIAL-USE": 6154, "ENABLE": 5161, "ESEARCH": 4731, "ESORT": 5267, "FILTERS": 5466,
    "I18NLEVEL=1": 5255, "I18NLEVEL=2": 5255, "ID": 2971, "IDLE": 2177, "IMAP4rev1": 3501, "IMAP4rev2": 9051,
    "IMAPSIEVE": 6785, "INPROGRESS": 9585, "JMAPACCESS": 9698, "LANGUAGE": 5255, "LIST-EXTENDED": 5258,
    "LIST-METADATA": 9590, "LIST-MYRIGHTS": 8440, "LIST-STATUS": 5819, "LITERAL+": 7888, "LITERAL-": 7888,
    "LOGIN-REFERRALS": 2221, "LOGINDISABLED": 9051, "MAILBOX-REFERRALS": 2193, "MESSAGELIMIT=": 9738, "METADATA": 5464,
    "METADATA-SERVER": 5464, "MOVE": 6851, "MULTIAPPEND": 3502, "MULTISEARCH": 7377, "NAMESPACE": 2342, "NOTIFY": 5465,
    "OBJECTID": 8474, "PARTIAL": 9394, "PREVIEW": 8970, "QRESYNC": 7162, "QUOTA": 9208, "QUOTA=RES-": 9208,
    "QUOTASET": 9208, "REPLACE": 8508, "RIGHTS=": 4314, "SASL-IR": 4959, "SAVEDATE": 8514, "SAVELIMIT=": 9738,
    "SEARCH=FUZZY": 6203, "SEARCHRES": 5182, "SORT": 5256, "SORT=DISPLAY": 5957, "SPECIAL-USE": 6154, "STARTTLS": 9051,
    "STATUS=SIZE": 8438, "THREAD=": 5256, "UIDONLY": 9586, "UIDPLUS": 4315, "UNAUTHENTICATE": 8437, "UNSELECT": 3691,
    "URL-PARTIAL": 5550, "URLAUTH": 4467, "URLAUTH=BINARY": 5524, "URLFETCH=BINARY": 5524, "UTF8=ACCEPT": 9755,
    "UTF8=ALL": 5738, "UTF8=APPEND": 5738, "UTF8=ONLY": 9755, "UTF8=USER": 5738, "WITHIN": 5032,
}  # fmt: skip
"""The IANA registry "IMAP Capabilities", with the RFC that is current for each name."""


def area_modules() -> list[ModuleType]:
    """The files of commands/ that bring something along, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(commands.__path__))
    modules = [importlib.import_module(f"{commands.__name__}.{name}") for name in names]
    return [module for module in modules if hasattr(module, "AREA")]


def advertised() -> dict[str, str]:
    """Name of every capability that the areas bring along -> where it is specified."""
    rows = [row for module in area_modules() for row in module.AREA.capabilities]
    return {row.name: row.rfc for row in (*rows, *overture.CAPABILITIES)}


def spoken_for(name: str) -> list[str]:
    """The advertised names that a registered name stands for: itself, or with `=` or `=RES-` at its end all that begin
    so."""
    is_prefix = name.endswith(("=", "=RES-"))
    return sorted(row for row in advertised() if row == name or (is_prefix and row.startswith(name)))


def page() -> str:
    """docs/rfcs.md"""
    return "\n".join([*_head(), *_rfcs(), *_capabilities()]) + "\n"


def _head() -> Iterator[str]:
    yield "# What Pillarbox follows"
    yield ""
    yield "Generated by `make reference` from the commands and capabilities that are there (tools/rfcs.py)."
    yield ""


def _rfcs() -> Iterator[str]:
    found: dict[int, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for module in area_modules():
        place = f"imap/commands/{module.__name__.rpartition('.')[2]}.py"
        for row in (*module.AREA.commands, *module.AREA.capabilities):
            names, files = found[int(row.rfc.split()[0])]
            names.add(f"`{row.name}`")
            files.add(f"`{place}`")
    yield "## RFCs"
    yield ""
    yield "| RFC | about | commands and capabilities | files in `src/pillarbox/` |"
    yield "|---|---|---|---|"
    rows = {number: (TITLES.get(number, ""), names, files) for number, (names, files) in found.items()}
    rows |= {number: (title, set(), {f"`{place}`"}) for number, title, place in ELSEWHERE}
    for number, (title, names, files) in sorted(rows.items()):
        yield f"| {number} | {title} | {', '.join(sorted(names))} | {', '.join(sorted(files))} |"
    yield ""


def _capabilities() -> Iterator[str]:
    yield "## Capabilities of the IANA registry"
    yield ""
    yield "| capability | RFC | Pillarbox |"
    yield "|---|---|---|"
    for name, rfc in REGISTERED.items():
        spoken = spoken_for(name)
        shown = "yes" if spoken == [name] else ", ".join(f"`{row}`" for row in spoken)
        yield f"| `{name}` | {rfc} | {shown or NOT_SPOKEN.get(name, 'no')} |"


if __name__ == "__main__":
    (Path(__file__).parents[1] / "docs" / "rfcs.md").write_text(page())
