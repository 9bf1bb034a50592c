"""What goes wrong with an authority, in words that say what to do.

Must never: pass on a text of a stranger's server with control characters in it.

RFC 8555 section 6.7 (the types of problems).
"""

from __future__ import annotations

from typing import Final

from acme import errors, messages
from josepy.errors import Error as JoseError
from requests import RequestException
from requests.exceptions import SSLError

from pillarbox.acme.trouble import AcmeTrouble, plain

_ADVICE: Final = {
    "accountDoesNotExist": "the authority has forgotten the account; try again, and it gets a new one",
    "caa": "a CAA record in the DNS forbids this authority; `pillarbox dns` prints a fitting one",
    "connection": "the authority does not reach this machine: look at the DNS records of the name, the firewall "
    "(`pillarbox firewall open --port 80` or `--port 443`) and port forwarding",
    "dns": "the authority finds no good answer in the DNS for this name; look at its A, AAAA and TXT records",
    "dnssec": "the DNSSEC signatures of the zone do not hold",
    "externalAccountRequired": "the authority wants acme.eab_key_id and acme.eab_key_path, which its customers get",
    "incorrectResponse": "something else answers for this name: look at its A and AAAA records, and what listens there",
    "invalidContact": "acme.contact is no mail address that the authority takes",
    "rateLimited": "the authority has had too many requests for these names or from you; wait, do not try again before "
    "the time that it names, and try things out with: pillarbox acme issue --dry-run",
    "rejectedIdentifier": "the authority issues no certificates for this name",
    "serverInternal": "the authority has a trouble of its own; the server tries again later",
    "tls": "the TLS handshake with this machine fails: something else listens on port 443, or a proxy is before it",
    "unauthorized": "the authority got a wrong answer: the name leads elsewhere, or a proxy stands before this machine",
    "unsupportedIdentifier": "the authority issues no certificates for such names",
    "userActionRequired": "the authority wants its terms agreed to anew: look at the page that it names",
}


TROUBLES: Final = (errors.Error, JoseError, RequestException, KeyError, ValueError)
"""What the libraries raise when an authority refuses, can't be reached or talks nonsense."""


def explained(error: Exception, url: str, wait_seconds: float = 0.0) -> AcmeTrouble:
    """Any of TROUBLES in plain words; `url` is the authority's."""
    match error:
        case messages.Error():
            return AcmeTrouble(problem_text(error), wait_seconds)
        case errors.ValidationError():
            return AcmeTrouble("; ".join(_refusals(error)), wait_seconds)
        case errors.IssuanceError():
            return AcmeTrouble(problem_text(error.error), wait_seconds)
        case errors.TimeoutError():
            return AcmeTrouble(f"{url} took longer than acme.patience_seconds", wait_seconds)
        case SSLError():
            return AcmeTrouble(
                f"{url} shows a certificate that is not trusted; for a private authority set acme.ca_path"
            )
        case RequestException():
            return AcmeTrouble(f"{url} can't be reached; look at the network, a proxy, and acme.directory_url")
        case _:
            return AcmeTrouble(
                f"{url} does not answer as an ACME server does; look at acme.directory_url", wait_seconds
            )


def problem_text(problem: messages.Error) -> str:
    """A problem document: what it means, and the authority's own words."""
    code = str(problem.typ).rpartition(":")[2]
    said = plain(problem.detail or problem.title or code)
    inner = "; ".join(
        f"{plain(each.identifier.value)}: {problem_text(each)}" if each.identifier else problem_text(each)
        for each in problem.subproblems or ()
    )
    words = f"it says: {said}" + (f" ({inner})" if inner else "")
    return f"{_ADVICE[code]}; {words}" if code in _ADVICE else f"the authority refuses; {words}"


def _refusals(error: errors.ValidationError) -> list[str]:
    return [
        f"{plain(each.body.identifier.value)}: {problem_text(challenge.error)}"
        for each in error.failed_authzrs
        for challenge in each.body.challenges
        if challenge.error is not None
    ]
