"""Reads one rule of nftables out of nft's JSON (libnftables-json(5)).

Must never: take a condition for met that it does not know.
"""

from __future__ import annotations

from typing import Any, Final

from pillarbox.firewall.request import Network
from pillarbox.firewall.rules import Certainty, Rule, Verdict
from pillarbox.firewall.tokens import network_or_none

_VERDICTS: Final = {
    "accept": Verdict.ACCEPT,
    "drop": Verdict.BLOCK,
    "reject": Verdict.BLOCK,
    "return": Verdict.RETURN,
    "jump": Verdict.JUMP,
    "goto": Verdict.GOTO,
}
_PASSING: Final = {"counter", "log", "mangle", "notrack"}
"""Statements after which the rule goes on."""


def read_expressions(expressions: list[dict[str, Any]], handle: int, family: str) -> Rule:  # Any: nft's own JSON
    """A rule of a chain in a table of this family."""
    reader = _Reader({"ip": 4, "ip6": 6}.get(family))
    for expression in expressions:
        (name, value), *_ = expression.items()
        reader.read(name, value)
    return Rule(
        text=f"rule with handle {handle}",
        verdict=reader.verdict,
        ports=reader.ports,
        source=reader.source,
        version=reader.version,
        certainty=reader.certainty,
        target=reader.target,
        handle=handle,
    )


class _Reader:
    def __init__(self, version: int | None) -> None:
        self.version = version
        self.verdict = Verdict.NOTHING
        self.target = ""
        self.ports: tuple[tuple[int, int], ...] | None = None
        self.source: Network | None = None
        self.certainty = Certainty.SURE

    def read(self, name: str, value: Any) -> None:
        if name in _VERDICTS:
            self.verdict = _VERDICTS[name]
            if isinstance(value, dict):
                self.target = str(value.get("target", ""))
        elif name == "match":
            self._match(value.get("op"), value.get("left"), value.get("right"))
        elif name == "vmap":
            self._verdict_map(value)
        elif name not in _PASSING:
            self._doubt()

    def _doubt(self) -> None:
        if self.certainty is Certainty.SURE:
            self.certainty = Certainty.UNSURE

    def _match(self, operator: str, left: Any, right: Any) -> None:
        if operator not in ("==", "in") or not isinstance(left, dict):
            self._doubt()
            return
        match left:
            case {"payload": {"protocol": "tcp" | "th", "field": "dport"}}:
                self._ports(right)
            case {"payload": {"protocol": "udp" | "sctp" | "icmp" | "icmpv6" | "igmp"}}:
                self.certainty = Certainty.NEVER
            case {"payload": {"protocol": "ip" | "ip6", "field": "saddr"}}:
                self._source(right)
            case {"payload": {"protocol": "ip" | "ip6", "field": "protocol" | "nexthdr"}} | {
                "meta": {"key": "l4proto"}
            }:
                self._protocol(right)
                if "payload" in left:
                    self.version = 4 if left["payload"]["protocol"] == "ip" else 6
            case {"meta": {"key": "nfproto"}} if right in ("ipv4", "ipv6"):
                self.version = 4 if right == "ipv4" else 6
            case {"ct": {"key": "state"}}:
                if "new" not in _members(right):
                    self.certainty = Certainty.NEVER
            case _:
                self._doubt()

    def _ports(self, right: Any) -> None:
        found = []
        for member in _members(right):
            match member:
                case int():
                    found.append((member, member))
                case {"range": [int() as first, int() as last]}:
                    found.append((first, last))
                case _:
                    self._doubt()
                    return
        self.ports = tuple(found)

    def _source(self, right: Any) -> None:
        match right:
            case {"prefix": {"addr": str() as address, "len": int() as length}}:
                self.source = network_or_none(f"{address}/{length}")
            case str():
                self.source = network_or_none(right)
        if self.source is None:
            self._doubt()
        else:
            self.version = self.source.version

    def _protocol(self, right: Any) -> None:
        if not {"tcp", 6} & {member for member in _members(right) if isinstance(member, str | int)}:
            self.certainty = Certainty.NEVER

    def _verdict_map(self, value: Any) -> None:
        match value:
            case {"key": {"ct": {"key": "state"}}, "data": {"set": list() as pairs}}:
                if any(pair[0] == "new" for pair in pairs):
                    self._doubt()
                else:
                    self.certainty = Certainty.NEVER
            case _:
                self._doubt()


def _members(right: Any) -> list[Any]:
    """One value, a list or an anonymous set."""
    if isinstance(right, dict) and isinstance(right.get("set"), list):
        return list(right["set"])
    return right if isinstance(right, list) else [right]
