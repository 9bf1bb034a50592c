"""Says what would open or close a port, does it, and looks again.

Must never: run anything when there is a conflict, or call it done without having looked.
"""

from __future__ import annotations

from dataclasses import dataclass

from pillarbox.firewall.finding import Finding, Firewall, Reach, Step
from pillarbox.firewall.programs import Programs, said
from pillarbox.firewall.recipes import Change
from pillarbox.firewall.request import Request
from pillarbox.firewall.trouble import Conflict, FirewallTrouble, NotVerified, ProgramFailed


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is, and what would change it."""

    change: Change
    request: Request
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]
    """Empty when nothing needs to change."""


def inspect(firewalls: tuple[Firewall, ...], request: Request) -> tuple[Finding, ...]:
    """What each firewall does with a request. Raises FirewallTrouble."""
    return tuple(finding for firewall in firewalls for finding in firewall.inspect(request))


def overall(findings: tuple[Finding, ...]) -> Reach:
    """All firewalls together: a connection comes in when each of them accepts it."""
    reaches = {finding.reach for finding in findings}
    if Reach.BLOCKED in reaches:
        return Reach.BLOCKED
    return Reach.PARTLY if Reach.PARTLY in reaches else Reach.OPEN


def plan_opening(firewalls: tuple[Firewall, ...], request: Request) -> Plan:
    """What lets in all that is asked for and no more. Raises Conflict and other FirewallTrouble."""
    findings = inspect(firewalls, request)
    conflicts = [
        f"port {request.port} can't be opened in {finding.name}.\n{finding.conflict}"
        for finding in findings
        if finding.conflict
    ]
    if conflicts:
        raise Conflict("\n".join(conflicts))
    if not request.is_for_everybody:
        _check_limit(firewalls, request)
    return Plan(Change.OPEN, request, findings, _merged([step for each in findings for step in each.wanted]))


def plan_closing(firewalls: tuple[Firewall, ...], request: Request) -> Plan:
    """What takes away the rules for just this port: all of them, or those for the named networks."""
    findings = inspect(firewalls, request)
    removals = [
        opening.removal
        for finding in findings
        for opening in finding.openings
        if request.is_for_everybody or opening.serves(request.sources)
    ]
    return Plan(Change.CLOSE, request, findings, _merged(removals))


def carry_out(programs: Programs, firewalls: tuple[Firewall, ...], plan: Plan) -> tuple[Finding, ...]:
    """Run the steps; returns what there is afterwards. Raises ProgramFailed, NotVerified."""
    done: list[str] = []
    for step in plan.steps:
        for command in step.commands:
            try:
                said(programs, *command)
            except FirewallTrouble as error:
                raise ProgramFailed(f"{error}{_done_before(done, plan)}") from error
            done.append(" ".join(command))
    findings = inspect(firewalls, plan.request)
    left = _left(plan, findings)
    if left:
        raise NotVerified(
            "the commands ran without a complaint, but a look at the rules afterwards shows: " + "; ".join(left)
        )
    return findings


def _left(plan: Plan, findings: tuple[Finding, ...]) -> list[str]:
    """What is not as it should be after the steps."""
    if plan.change is Change.OPEN:
        return [
            f"{finding.name} still blocks port {plan.request.port} ({', '.join(finding.reasons)})"
            for finding in findings
            if finding.reach is not Reach.OPEN or finding.wanted
        ]
    return [
        f"{finding.name} still has the rule {opening.text}"
        for finding in findings
        for opening in finding.openings
        if plan.request.is_for_everybody or opening.serves(plan.request.sources)
    ]


def _check_limit(firewalls: tuple[Firewall, ...], request: Request) -> None:
    """A limit is none while everybody gets in."""
    widened = inspect(firewalls, request.widened())
    if not widened or overall(widened) is not Reach.OPEN:
        return
    reasons = "; ".join(f"{finding.name}: {', '.join(finding.reasons)}" for finding in widened)
    if any(finding.openings for finding in widened):
        remedy = (
            f"Close it first, then open it for your networks:\n  pillarbox firewall close --port {request.port} --apply"
        )
    else:
        remedy = "First let the firewall block by default all that is not let in by a rule (keep your own SSH open!)."
    raise Conflict(
        f"port {request.port} is open to everybody already, so --source would limit nothing ({reasons}).\n{remedy}"
    )


def _merged(steps: list[Step]) -> tuple[Step, ...]:
    """Steps that end in the same reload become one step; others stay, as a rule may be there twice."""
    reloads = list(dict.fromkeys(step for step in steps if len(step.commands) > 1))
    single = [step for step in steps if len(step.commands) == 1]
    if not reloads:
        return tuple(single)
    changes = tuple(command for step in reloads for command in step.commands[:-1])
    return (Step((*changes, reloads[0].commands[-1])), *single)


def _done_before(done: list[str], plan: Plan) -> str:
    if not done:
        return "; nothing was changed"
    opposite = "close" if plan.change is Change.OPEN else "open"
    lines = "\n  ".join(done)
    return f"\nDone before:\n  {lines}\nTo undo: pillarbox firewall {opposite} --port {plan.request.port} --apply"
