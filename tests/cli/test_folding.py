"""Long commands over several lines."""

from __future__ import annotations

import shlex

import pytest

from pillarbox.cli.folding import folded
from pillarbox.firewall.finding import Kind
from pillarbox.firewall.recipes import Change, recipe
from pillarbox.firewall.request import parse_request
from pillarbox.ports.commands import trial_commands
from pillarbox.ports.reference import load_reference

LIMITED = parse_request(993, ("192.0.2.0/24", "2001:db8::/32"))
COMMANDS = [
    *(step.text for kind in Kind for step in recipe(kind, Change.OPEN, LIMITED)),
    *(text for port in load_reference().ports for text in trial_commands(port, "a-rather-long-name.mail.example.org")),
]


@pytest.mark.parametrize("width", [40, 80])
def test_a_shell_reads_the_same_command(width: int) -> None:
    for command in COMMANDS:
        text = "\n".join(folded(command, width))
        assert shlex.split(text.replace("\\\n", "")) == shlex.split(command), text


def test_a_short_command_stays_as_it_is() -> None:
    assert folded("ufw allow 993/tcp", 80) == ["  ufw allow 993/tcp"]


def test_a_long_command_fits_the_width_where_it_can_be_folded() -> None:
    lines = folded("openssl s_client -connect mail.example.org:993 -servername mail.example.org -crlf", 80)
    assert lines == [
        "  openssl s_client -connect mail.example.org:993 -servername mail.example.org \\",
        "      -crlf",
    ]
