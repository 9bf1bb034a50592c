"""`pillarbox acme ...`: certificates from an authority that everybody trusts (docs/certificates.md).

Must never: ask an authority while the server, or another command, does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.acme.folder import AcmeFolder, Busy
from pillarbox.acme.issuing import Office, Reason, rehearse
from pillarbox.acme.issuing import revoke as revoke_certificate
from pillarbox.acme.names import NamesInvalid, Wanted, all_wanted, ascii_name, folder_name, wanted
from pillarbox.acme.renewing import State, serial_of, state, states
from pillarbox.acme.rounds import Outcome, Result, When, get, go_round
from pillarbox.acme.trouble import AcmeTrouble
from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.moments import moment_iso, moment_text
from pillarbox.cli.place import Place
from pillarbox.cli.speech import Json, complain, say, say_json, say_table
from pillarbox.cli.witness import witness
from pillarbox.clock import SystemClock
from pillarbox.events import Field, NoEvents

_HERE: Final = Place()
_PATIENCE_SECONDS: Final = 60
"""Until the server, or another command, has done what it asks an authority for."""


def issue(
    *names: Annotated[str, Parameter(help="All that the certificate is to be for; the first gives it its name.")],
    dry_run: Annotated[
        bool, Parameter(negative="", help="Prove the names and stop: nothing is issued, nothing counts.")
    ] = False,
    agree_terms: Annotated[
        bool, Parameter(negative="", help="You agree to the authority's terms of service, as acme.terms_agreed says.")
    ] = False,
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Get a certificate now."""
    office = _office(place)
    if agree_terms:
        office = replace(office, settings=replace(office.settings, terms_agreed=True))
    with _troubles():
        chosen = wanted(names, office.settings.challenge)
        with office.folder.locked(_PATIENCE_SECONDS):
            if dry_run:
                url = rehearse(office, chosen)
                if json:
                    say_json({"names": list(chosen.names), "directory": url, "result": "proved"})
                else:
                    say(f"{' '.join(chosen.names)}: proved to {url}; nothing was issued")
                return
            outcome = get(office, state(office.folder, chosen))
    _tell([outcome], json)


def status(*, json: Json = False, place: Place = _HERE) -> None:
    """What there is."""
    office = _office(place)
    with _troubles():
        found = states(office.folder, _all(office))
    if json:
        say_json([_told(each) for each in found])
        return
    say_table(
        ("name", "for", "valid until", "renewed", "trouble"),
        [
            (
                each.wanted.name,
                " ".join(each.wanted.names),
                _moment(each.issued.until_seconds if each.issued else 0.0),
                _moment(each.due_seconds) or "now",
                each.memory.error,
            )
            for each in found
        ],
    )


def renew(
    *,
    force: Annotated[bool, Parameter(negative="", help="Also what is not due. Authorities limit how often.")] = False,
    json: Json = False,
    place: Place = _HERE,
) -> int:
    """Renew what is due."""
    office = _office(place)
    with _troubles():
        chosen = [each.wanted for each in states(office.folder, _all(office))]
        if not chosen:
            raise CommandFailed(
                "there is nothing to renew; set acme.domains, or begin with: pillarbox acme issue NAME",
                ExitCode.NO_INPUT,
            )
        with office.folder.locked(_PATIENCE_SECONDS):
            outcomes = go_round(office, chosen, When.NOW if force else When.DUE)
    return _tell(outcomes, json)


def revoke(
    name: Annotated[str, Parameter(help="Of the certificate; see: pillarbox acme status")],
    /,
    *,
    reason: Annotated[Reason, Parameter(help="Why: unspecified, key-compromise, superseded or cessation.")] = (
        Reason.UNSPECIFIED
    ),
    json: Json = False,
    place: Place = _HERE,
) -> None:
    """Revoke a certificate."""
    office = _office(place)
    with _troubles():
        issued = office.folder.find(folder_name(ascii_name(f"*{name[1:]}" if name.startswith("_.") else name)))
        if issued is None:
            raise CommandFailed(f"there is no certificate {name}; see: pillarbox acme status", ExitCode.NO_INPUT)
        is_wanted = issued.name in (each.name for each in _all(office))
        with office.folder.locked(_PATIENCE_SECONDS):
            revoke_certificate(office, issued, reason)
    witness(place).info("certificate.revoked", name=issued.name, serial=serial_of(issued), reason=reason.value)
    if json:
        say_json({"name": issued.name, "serial": serial_of(issued), "result": "revoked"})
        return
    say(f"{issued.name}: revoked, and served no longer")
    if is_wanted:
        complain("acme.domains names it: the server gets a new one at its next look, within an hour")


def _tell(outcomes: list[Outcome], json: bool) -> int:
    """What became of it; how the command ends."""
    if json:
        say_json([{**_told(each.state), "result": each.result.value} for each in outcomes])
    for each in outcomes:
        name, until = each.state.wanted.name, each.state.issued.until_seconds if each.state.issued else 0.0
        if each.result is Result.FAILED:
            complain(f"{name}: {each.error}")
        elif not json and each.result is Result.ISSUED:
            say(f"{name}: valid until {_moment(until)}, renewed around {_moment(each.state.due_seconds)}")
        elif not json:
            say(f"{name}: not due, valid until {_moment(until)}; to renew all the same: --force")
    failed = [each.state.wanted.name for each in outcomes if each.result is Result.FAILED]
    if failed:
        raise CommandFailed(f"not issued: {', '.join(failed)}", ExitCode.UNAVAILABLE)
    return ExitCode.OK


def _told(each: State) -> dict[str, object]:
    return {
        "name": each.wanted.name,
        "names": list(each.wanted.names),
        "serial": serial_of(each.issued) if each.issued else None,
        "valid_until": moment_iso(int(each.issued.until_seconds)) if each.issued else None,
        "renewed": moment_iso(int(each.due_seconds)) if each.issued else None,
        "failures": each.memory.failures,
        "error": each.memory.error or None,
        "next_try": moment_iso(int(each.memory.next_try_seconds)) if each.memory.failures else None,
        "explanation": each.memory.window.explanation_url if each.memory.window else None,
    }


def _moment(seconds: float) -> str:
    return moment_text(int(seconds)) if seconds else ""


def _all(office: Office) -> tuple[Wanted, ...]:
    return all_wanted(office.settings.domains, office.settings.challenge)


def _office(place: Place) -> Office:
    settings = place.settings()
    place.make()
    return Office(
        settings.acme, AcmeFolder(place.folder.certificates_path), SystemClock(), witness(place, _Complaints())
    )


class _Complaints(NoEvents):
    """What a person has to know besides the answer."""

    def warning(self, event: str, **fields: Field) -> None:
        complain(f"{event}: {fields.get('error', '')}")


@contextmanager
def _troubles() -> Iterator[None]:
    """What goes wrong becomes CommandFailed."""
    try:
        yield
    except NamesInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    except AcmeTrouble as error:
        raise CommandFailed(str(error), ExitCode.UNAVAILABLE) from error
    except Busy as error:
        raise CommandFailed(str(error), ExitCode.TEMPORARY) from error
    except OSError as error:
        raise CommandFailed(f"{error.filename or 'certificates'}: {error.strerror}", ExitCode.UNAVAILABLE) from error
