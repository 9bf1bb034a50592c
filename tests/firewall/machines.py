"""A machine whose programs answer as they were told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pillarbox.firewall.programs import Answer
from pillarbox.firewall.trouble import ProgramMissing


@dataclass
class ToldPrograms:
    """`answers` by command line; a line that is not there succeeds silently. Remembers what was run."""

    answers: Mapping[str, Answer] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    there: tuple[str, ...] = ("iptables", "ip6tables")
    root: str = "root"
    asked: list[str] = field(default_factory=list)

    def is_root(self) -> bool:
        return self.root == "root"

    def has(self, name: str) -> bool:
        return name in self.there

    def ask(self, *argv: str) -> Answer:
        if argv[0] not in self.there:
            raise ProgramMissing(f"{argv[0]} is not installed; on Debian: apt-get install it")
        line = " ".join(argv)
        self.asked.append(line)
        return self.answers.get(line, Answer(0, "", ""))

    def file_text(self, path: Path) -> str:
        return self.files.get(str(path), "")
