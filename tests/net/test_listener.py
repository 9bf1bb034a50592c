"""Making listening sockets."""

from __future__ import annotations

import socket

import pytest

from pillarbox.net.listener import CannotListen, open_listeners
from pillarbox.net.settings import ListenAddress


def close(groups: list[list[socket.socket]]) -> None:
    for one in (listener for group in groups for listener in group):
        one.close()


@pytest.mark.parametrize("groups", [1, 3])
def test_every_address_of_a_name_and_every_group_gets_the_same_port(groups: int) -> None:
    made = open_listeners([ListenAddress("localhost", 0)], 16, groups)
    assert len(made) == groups
    assert len({listener.getsockname()[1] for group in made for listener in group}) == 1
    assert {listener.proto for group in made for listener in group} == {socket.IPPROTO_TCP}
    close(made)


def test_everywhere_is_ipv6_and_ipv4() -> None:
    made = open_listeners([ListenAddress("*", 0)], 16, 1)
    port = made[0][0].getsockname()[1]
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port)).close()
    close(made)


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("second", [1, 2])
def test_a_taken_port_is_refused_although_workers_share_theirs(first: int, second: int) -> None:
    made = open_listeners([ListenAddress("127.0.0.1", 0)], 16, first)
    port = made[0][0].getsockname()[1]
    with pytest.raises(CannotListen, match=f"127.0.0.1 port {port}: another program is there already"):
        open_listeners([ListenAddress("127.0.0.1", port)], 16, second)
    close(made)


def test_a_refused_address_leaves_no_socket_of_the_others_open() -> None:
    taken = open_listeners([ListenAddress("127.0.0.1", 0)], 16, 1)
    free = open_listeners([ListenAddress("127.0.0.1", 0)], 16, 1)
    ports = [groups[0][0].getsockname()[1] for groups in (taken, free)]
    close(free)
    with pytest.raises(CannotListen):
        open_listeners([ListenAddress("127.0.0.1", ports[1]), ListenAddress("127.0.0.1", ports[0])], 16, 1)
    close(open_listeners([ListenAddress("127.0.0.1", ports[1])], 16, 1))
    close(taken)


def test_an_address_that_is_not_ours_is_a_plain_error() -> None:
    with pytest.raises(CannotListen, match=r"can't listen at 192\.0\.2\.1 port 1993: Cannot assign requested address"):
        open_listeners([ListenAddress("192.0.2.1", 1993)], 16, 1)
