"""`pillarbox firewall ...`.

Must never: change anything without --apply.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

from pillarbox.cli.exits import CommandFailed, ExitCode
from pillarbox.cli.folding import folded
from pillarbox.cli.speech import Json, complain, say, say_json
from pillarbox.firewall.detect import active, installed, likely, named
from pillarbox.firewall.finding import Finding, Firewall, Kind, Reach, Step
from pillarbox.firewall.plan import Plan, carry_out, inspect, overall, plan_closing, plan_opening
from pillarbox.firewall.programs import LocalPrograms, Programs
from pillarbox.firewall.recipes import Change, recipe
from pillarbox.firewall.request import Request, RequestInvalid, parse_request
from pillarbox.firewall.trouble import FirewallTrouble, NotRoot, NotUsable

_IMAPS: Final = 993
_WIDTH: Final = 80
_ELSEWHERE: Final = """\
If it can't be reached from outside all the same, something before this machine
keeps it out: the firewall of the hosting provider (security group), or a router
that does not pass the port on."""

Port = Annotated[int, Parameter(help="TCP port. Default: 993.")]
Sources = Annotated[
    tuple[str, ...],
    Parameter(name="--source", negative="", help="A network that may come in; may be given several times."),
]
Apply = Annotated[bool, Parameter(negative="", help="Run the commands, then look again. Default: only print them.")]
Using = Annotated[
    Kind | None,
    Parameter(name="--with", help="This kind of firewall only. Default: all that are active on this machine."),
]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a person typed."""

    change: Change
    request: Request
    port: int
    sources: tuple[str, ...]
    using: Kind | None

    @classmethod
    def read(cls, change: Change, port: int, sources: tuple[str, ...], using: Kind | None) -> _Wish:
        """Raises CommandFailed."""
        try:
            return cls(change, parse_request(port, sources), port, sources, using)
        except RequestInvalid as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from error

    def command(self, change: Change) -> str:
        """The same wish, or its opposite, to be typed with --apply."""
        words = ["pillarbox firewall", change.value]
        if self.port != _IMAPS:
            words.append(f"--port {self.port}")
        words += [f"--source {source}" for source in self.sources]
        if self.using is not None:
            words.append(f"--with {self.using.value}")
        return " ".join([*words, "--apply"])

    @property
    def opposite(self) -> Change:
        return Change.CLOSE if self.change is Change.OPEN else Change.OPEN

    @property
    def audience(self) -> str:
        return ", ".join(map(str, self.request.sources)) if self.sources else "everybody"


def let_in(
    *, port: Port = _IMAPS, source: Sources = (), apply: Apply = False, using: Using = None, json: Json = False
) -> None:
    """Let a port in through this machine's firewall."""
    wish = _Wish.read(Change.OPEN, port, source, using)
    _apply(wish, json=json) if apply else _preview(wish, json=json)


def shut(
    *, port: Port = _IMAPS, source: Sources = (), apply: Apply = False, using: Using = None, json: Json = False
) -> None:
    """Undo `open`."""
    wish = _Wish.read(Change.CLOSE, port, source, using)
    _apply(wish, json=json) if apply else _preview(wish, json=json)


def tell(*, port: Port = _IMAPS, using: Using = None, json: Json = False) -> None:
    """What the firewall does with a port."""
    wish = _Wish.read(Change.OPEN, port, (), using)
    try:
        firewalls = _firewalls(wish, LocalPrograms())
        findings = inspect(firewalls, wish.request)
    except FirewallTrouble as error:
        raise _failed(error) from error
    if json:
        say_json(
            {
                "port": port,
                "protocol": "tcp",
                "reach": overall(findings).value if findings else Reach.OPEN.value,
                "firewalls": [_as_json(finding) for finding in findings],
            }
        )
    elif not findings:
        _say_no_firewall(wish, LocalPrograms())
    else:
        _say_status(wish, findings)


def _preview(wish: _Wish, *, json: bool) -> None:
    programs = LocalPrograms()
    try:
        plan = _plan(wish, _firewalls(wish, programs))
    except NotRoot:
        _say_unprivileged(wish, programs, json=json)
        return
    except NotUsable as error:
        if json:
            raise _failed(error) from error
        complain(str(error))
        _say_recipes(wish, (wish.using,) if wish.using else tuple(Kind))
        return
    except FirewallTrouble as error:
        raise _failed(error) from error
    _check_somebody_limits(wish, plan)
    if json:
        say_json(_plan_as_json(wish, plan, None))
    elif not plan.findings:
        _say_no_firewall(wish, programs)
        _say_recipes(wish, (wish.using,) if wish.using else installed(programs) or tuple(Kind))
    elif not plan.steps:
        _say_nothing_to_do(wish, plan.findings)
    else:
        _say_reach(wish, plan.findings)
        say("\nThis would run, as root:\n")
        _say_commands(plan.steps)
        say("\nNothing was changed.")
        say(f"  To do it:    {wish.command(wish.change)}")
        say(f"  To undo it:  {wish.command(wish.opposite)}")
        _say_notes(plan.findings)


def _apply(wish: _Wish, *, json: bool) -> None:
    programs = LocalPrograms()
    try:
        firewalls = _firewalls(wish, programs)
        plan = _plan(wish, firewalls)
        _check_somebody_limits(wish, plan)
        after = carry_out(programs, firewalls, plan) if plan.steps else plan.findings
    except FirewallTrouble as error:
        raise _failed(error) from error
    if json:
        say_json(_plan_as_json(wish, plan, after))
    elif not plan.findings:
        _say_no_firewall(wish, programs)
    elif not plan.steps:
        _say_nothing_to_do(wish, after)
    else:
        say("Done:\n")
        _say_commands(plan.steps)
        say("\nLooked again:")
        _say_reach(wish, after)
        say(f"\n  To undo it:  {wish.command(wish.opposite)}")
        _say_notes(after)


def _firewalls(wish: _Wish, programs: Programs) -> tuple[Firewall, ...]:
    return active(programs) if wish.using is None else named(wish.using, programs)


def _plan(wish: _Wish, firewalls: tuple[Firewall, ...]) -> Plan:
    if wish.change is Change.OPEN:
        return plan_opening(firewalls, wish.request)
    return plan_closing(firewalls, wish.request)


def _check_somebody_limits(wish: _Wish, plan: Plan) -> None:
    if wish.change is Change.OPEN and wish.sources and not plan.findings:
        raise CommandFailed(
            f"no firewall is active here, so port {wish.port} is open to everybody and --source can limit nothing.\n"
            "Start one first, for example: apt-get install ufw; ufw allow OpenSSH; ufw enable",
            ExitCode.UNAVAILABLE,
        )


def _failed(error: FirewallTrouble) -> CommandFailed:
    code = ExitCode.NO_PERMISSION if isinstance(error, NotRoot) else ExitCode.UNAVAILABLE
    return CommandFailed(str(error), code)


def _say_reach(wish: _Wish, findings: tuple[Finding, ...]) -> None:
    reach = overall(findings)
    audience = "" if reach is Reach.PARTLY else f" for {wish.audience}"
    say(f"Port {wish.port}/tcp is {reach.value}{audience}.")
    for finding in findings:
        say(f"  {finding.name}: {finding.reach.value}")
        for reason in finding.reasons:
            say(f"    {reason}")


def _say_status(wish: _Wish, findings: tuple[Finding, ...]) -> None:
    _say_reach(wish, findings)
    openings = [opening.text for finding in findings for opening in finding.openings]
    if openings:
        say("\nRules for just this port:\n")
        _say_lines(openings)
    for finding in findings:
        for remark in finding.remarks:
            _say_note(remark)
        if finding.conflict:
            say(f"\n{finding.conflict}")
    change = Change.CLOSE if openings else Change.OPEN
    if openings or overall(findings) is not Reach.OPEN:
        say(f"\nTo {change.value} it: {wish.command(change)}")


def _say_nothing_to_do(wish: _Wish, findings: tuple[Finding, ...]) -> None:
    _say_reach(wish, findings)
    if wish.change is Change.OPEN:
        say(f"\nThere is nothing to do.\n{_ELSEWHERE}")
        return
    say("\nThere is no rule for just this port that could be taken away, so nothing was changed.")
    if overall(findings) is not Reach.BLOCKED:
        say("What lets it in is named above: a wider rule or a default, which is yours to change.")


def _say_no_firewall(wish: _Wish, programs: Programs) -> None:
    say(f"No firewall is active on this machine: nothing here keeps port {wish.port}/tcp out.")
    idle = [kind.value for kind in installed(programs)]
    if idle:
        say(f"Installed, but without a rule in force: {', '.join(idle)}.")
    say(_ELSEWHERE)


def _say_unprivileged(wish: _Wish, programs: Programs, *, json: bool) -> None:
    """What can't be read can't be tailored, yet the commands are the usual ones."""
    kinds = (wish.using,) if wish.using is not None else likely(programs) or tuple(Kind)
    if json:
        commands = {kind.value: [step.text for step in recipe(kind, wish.change, wish.request)] for kind in kinds}
        say_json({"port": wish.port, "protocol": "tcp", "change": wish.change.value, "recipes": commands})
        return
    complain(
        "Only root can see which rules are in force; these are the usual commands.\n"
        f"For those that fit this machine: sudo {wish.command(wish.change).removesuffix(' --apply')}"
    )
    _say_recipes(wish, kinds)


def _say_recipes(wish: _Wish, kinds: tuple[Kind, ...]) -> None:
    say(f"\nTo {wish.change.value} port {wish.port}/tcp for {wish.audience} where such a firewall is in force:")
    for kind in kinds:
        say(f"\n{kind.value}")
        _say_commands(recipe(kind, wish.change, wish.request))


def _say_commands(steps: tuple[Step, ...]) -> None:
    for step in steps:
        for line in folded(step.text, _WIDTH):
            say(line)


def _say_lines(texts: list[str]) -> None:
    for text in texts:
        say(f"  {text}")


def _say_notes(findings: tuple[Finding, ...]) -> None:
    changed = [finding for finding in findings if finding.wanted or finding.openings]
    for lasting in dict.fromkeys(finding.lasting for finding in changed):
        say("\nAfter a restart")
        _say_lines(lasting.splitlines())
    for remark in dict.fromkeys(remark for finding in findings for remark in finding.remarks):
        _say_note(remark)


def _say_note(remark: str) -> None:
    say("")
    say(textwrap.fill(f"Note: {remark}", _WIDTH, subsequent_indent="  ", break_long_words=False))


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "name": finding.name,
        "reach": finding.reach.value,
        "reasons": list(finding.reasons),
        "rules": [opening.text for opening in finding.openings],
        "conflict": finding.conflict or None,
        "remarks": list(finding.remarks),
        "after_a_restart": finding.lasting,
    }


def _plan_as_json(wish: _Wish, plan: Plan, after: tuple[Finding, ...] | None) -> dict[str, object]:
    return {
        "port": wish.port,
        "protocol": "tcp",
        "sources": list(map(str, wish.request.sources)) if wish.sources else [],
        "change": wish.change.value,
        "applied": after is not None,
        "commands": [step.text for step in plan.steps],
        "before": overall(plan.findings).value,
        "after": overall(after).value if after is not None else None,
        "firewalls": [_as_json(finding) for finding in (after if after is not None else plan.findings)],
    }
