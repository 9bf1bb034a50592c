"""The fixture `imaps_server`, as somebody else's project sees it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

PROJECT = """
import imaplib


def connect(server, name, password):
    client = imaplib.IMAP4_SSL(server.host, server.port, ssl_context=server.ssl_context, timeout=30)
    client.login(name, password)
    return client


def test_mail_that_was_delivered_is_read(imaps_server):
    imaps_server.add_account("alice", "secret")
    letter = b"Subject: hello\\r\\n\\r\\nHi\\r\\n"
    uid = imaps_server.deliver("alice", letter, mailbox="Work/New", flags=["\\\\Seen", "mine"])
    client = connect(imaps_server, "alice", "secret")
    assert client.select('"Work/New"')[1] == [b"1"]
    kind, found = client.uid("FETCH", str(uid), "(FLAGS BODY.PEEK[])")
    assert found[0][1] == b"Subject: hello\\r\\n\\r\\nHi\\r\\n"
    assert b"\\\\Seen" in found[0][0] and b"mine" in found[0][0]
    client.uid("STORE", str(uid), "+FLAGS", "(\\\\Flagged)")
    client.logout()
    assert imaps_server.flags("alice", "Work/New") == {uid: {"\\\\Seen", "mine", "\\\\Flagged"}}
    assert imaps_server.messages("alice", "Work/New") == [b"Subject: hello\\r\\n\\r\\nHi\\r\\n"]
    assert "Work/New" in imaps_server.mailboxes("alice")


def test_each_test_has_a_server_of_its_own(imaps_server):
    imaps_server.add_account("alice", "other")
    assert imaps_server.messages("alice") == []
    connect(imaps_server, "alice", "other").logout()


def test_the_session_has_one(imaps_server_session):
    imaps_server_session.add_account("bob", "secret")


def test_and_keeps_it(imaps_server_session):
    connect(imaps_server_session, "bob", "secret").logout()
"""


def test_a_test_that_fails_with_a_client_connected_ends_all_the_same(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import imaplib

        def test_x(imaps_server):
            imaps_server.add_account("alice", "secret")
            client = imaplib.IMAP4_SSL(imaps_server.host, imaps_server.port, ssl_context=imaps_server.ssl_context)
            assert client.login("alice", "secret")[0] == "NO"
        """
    )
    # In a process of its own: run within this one, pytester would load cryptography's compiled parts twice.
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(failed=1)


def test_a_project_elsewhere_finds_the_fixture_and_nothing_stays_behind(tmp_path: Path) -> None:
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    for folder in (project, temporary):
        folder.mkdir()
    (project / "test_mail.py").write_text(PROJECT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mail.py"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    assert list(temporary.iterdir()) == []
    assert [path.name for path in project.iterdir()] == ["test_mail.py"]


def test_the_plugin_loads_no_server_until_it_is_asked_for() -> None:
    program = (
        "import sys, pytest; import pillarbox.testing.plugin; "
        "print([name for name in sys.modules if name.startswith('pillarbox')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['pillarbox', 'pillarbox.testing', 'pillarbox.testing.plugin']"


def test_a_server_without_pytest_cleans_up() -> None:
    from pillarbox.testing.server import ImapsServer

    with ImapsServer() as server:
        folder = server.ca_file.parents[1]
        assert folder.is_dir()
        assert Path(tempfile.gettempdir()) == folder.parent
        with pytest.raises(LookupError, match="add_account"):
            server.deliver("nobody", b"x")
    assert not folder.exists()
