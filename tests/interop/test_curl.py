"""curl, which speaks IMAP from any shell; its URLs are those of RFC 5092 with UID, SECTION and queries."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .account import Account
from .letters import BIG, PICTURES, PLAIN, VARIED
from .programs import ClientHome
from .witness import Witness


@dataclass(frozen=True, slots=True)
class Curl:
    account: Account
    home: ClientHome

    def command(self, path: str, *options: str) -> list[str]:
        """curl with the password in a file, as in its manual, trusting only the server's authority."""
        config = self.home.write("curlrc", f'user = "{self.account.user}:{self.account.password}"\n')
        trust = ("--cacert", str(self.account.ca_file), "--config", str(config))
        url = f"imaps://{self.account.host}:{self.account.port}/{path}"
        return ["curl", "--silent", "--show-error", *trust, *options, url]

    def __call__(self, path: str, *options: str, stdin: bytes = b"") -> bytes:
        return self.home.run(self.command(path, *options), stdin=stdin)


@pytest.fixture
def curl(account: Account, home: ClientHome) -> Curl:
    return Curl(account, home)


def test_curl_refuses_a_server_whose_authority_it_does_not_know(curl: Curl, home: ClientHome) -> None:
    command = [word for word in curl.command("") if word not in {"--cacert", str(curl.account.ca_file)}]
    assert home.attempt(command).returncode == 60  # CURLE_PEER_FAILED_VERIFICATION


def test_curl_ends_with_its_login_exit_code_for_a_wrong_password(curl: Curl, home: ClientHome) -> None:
    command = curl.command("", "--user", f"{curl.account.user}:green teapot")
    assert home.attempt(command).returncode == 67  # CURLE_LOGIN_DENIED


@pytest.mark.parametrize("version", [("--tlsv1.2", "--tls-max", "1.2"), ("--tlsv1.3",)])
def test_curl_lists_mailboxes_over_both_tls_versions(curl: Curl, witness: Witness, version: tuple[str, ...]) -> None:
    witness.create("Archive")
    listed = curl("", *version).splitlines()
    assert sorted(line.rsplit(b" ", 1)[1].strip(b'"') for line in listed) == [b"Archive", b"INBOX"]


@pytest.mark.parametrize("mechanism", ["AUTH=PLAIN", "AUTH=LOGIN"])
@pytest.mark.parametrize("initial_response", [(), ("--sasl-ir",)])
def test_curl_logs_in_by_every_door(curl: Curl, mechanism: str, initial_response: tuple[str, ...]) -> None:
    assert b"INBOX" in curl("", "--login-options", mechanism, *initial_response)


def test_curl_uploads_and_downloads_the_very_bytes(curl: Curl, witness: Witness) -> None:
    for content in (*VARIED, BIG):
        (curl.home.path / "letter.eml").write_bytes(content)
        curl("INBOX", "--upload-file", "letter.eml")
    assert witness.contents() == [*VARIED, BIG]
    for uid, content in enumerate((*VARIED, BIG), start=1):
        assert curl(f"INBOX;UID={uid}") == content
        assert curl(f"INBOX;MAILINDEX={uid};SECTION=HEADER") == content[: content.index(b"\r\n\r\n") + 4]


def test_curl_reads_one_attachment_by_its_section(curl: Curl, witness: Witness) -> None:
    witness.put(PICTURES)
    assert curl("INBOX;UID=1;SECTION=2") == b"JVBERi0xLjQgbm90IG11Y2ggb2YgYSBib29r"
    assert curl("INBOX;UID=1;SECTION=1.2.MIME").startswith(b"Content-Type: image/png\r\n")


def test_curl_searches_by_url_and_by_command(curl: Curl, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    assert curl("INBOX?SUBJECT%20lunch").strip() == b"* SEARCH 1 4"
    assert curl("INBOX", "--request", "UID SEARCH NOT FROM ada").strip() == b"* SEARCH 2 4"
    assert curl("INBOX", "--request", "SEARCH RETURN (COUNT MAX) ALL").strip().endswith(b"MAX 4 COUNT 4")


def test_curl_makes_copies_moves_flags_and_deletes(curl: Curl, witness: Witness) -> None:
    for content in VARIED:
        witness.put(content)
    curl("", "--request", "CREATE Archive")
    curl("INBOX", "--request", "UID COPY 1:2 Archive")
    curl("INBOX", "--request", "UID MOVE 3 Archive")
    curl("INBOX", "--request", r"STORE 1 +FLAGS (\Flagged Work)")
    assert witness.contents("Archive") == list(VARIED[:3])
    assert witness.flags() == {1: frozenset({"\\Flagged", "Work"}), 2: frozenset(), 4: frozenset()}
    curl("INBOX", "--request", r"UID STORE 2,4 +FLAGS.SILENT (\Deleted)")
    curl("INBOX", "--request", "EXPUNGE")
    assert witness.contents() == [PLAIN]
    curl("", "--request", "RENAME Archive Old")
    curl("", "--request", "DELETE Old")
    assert witness.names() == {"INBOX"}


def test_curl_reports_an_unknown_mailbox(curl: Curl, home: ClientHome) -> None:
    done = home.attempt(curl.command("Nowhere;UID=1"))
    assert (done.returncode, done.stderr) == (67, b"curl: (67) Select failed\n")


def test_curl_does_several_things_over_one_connection(curl: Curl, witness: Witness) -> None:
    """curl keeps the connection and selects anew: mailbox after mailbox on one session."""
    witness.create("Archive")
    witness.put(PLAIN)
    witness.put(PICTURES, "Archive")
    root = f"imaps://{curl.account.host}:{curl.account.port}"
    both = curl("INBOX;UID=1", f"{root}/Archive;UID=1", f"{root}/INBOX;UID=1", "--verbose")
    assert both == PICTURES + PLAIN + PLAIN
