"""Thunderbird in a window on a virtual screen: it keeps in step with another client, and the other with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .account import Account
from .letters import MULTILINGUAL, PICTURES, PLAIN, letter
from .programs import ClientHome
from .thunderbird import Thunderbird
from .wire_tap import WireTap
from .witness import Witness

LOOK = """
const box = folder(given[0]);
box.updateFolder(window.msgWindow);
return until(() => {
  const seen = shown(given[0]).map(one => [one.mime2DecodedSubject, one.isRead, one.isFlagged]);
  return seen.length == given[1] ? seen : null;
});
"""

FLAGS = """
return until(() => {
  const one = message("INBOX", given[0]);
  return one.isRead == given[1] && one.isFlagged == given[2];
});
"""


@pytest.fixture
def wire(account: Account, tmp_path: Path) -> Iterator[WireTap]:
    """What others do waits until Thunderbird idles: it passes over an EXISTS that comes while it downloads texts, from
    any server, until it looks at the mailbox again."""
    with WireTap(account, tmp_path / "wire.log", tmp_path) as tap:
        yield tap


@pytest.fixture
def thunderbird(wire: WireTap, witness: Witness, home: ClientHome) -> Iterator[Thunderbird]:
    for content in (PLAIN, MULTILINGUAL, PICTURES):
        witness.put(content)
    with Thunderbird(home, wire.account.ca_file) as program:
        program.open_account(wire.account)
        yield program


@pytest.mark.timeout(300)
def test_thunderbird_keeps_in_step_with_another_client(
    thunderbird: Thunderbird, wire: WireTap, witness: Witness
) -> None:
    seen = thunderbird.script(LOOK, "INBOX", 3)
    assert sorted(seen) == [
        ["Holiday pictures", False, False],
        ["Lunch on Thursday", False, False],
        ["Привет, 世界", False, False],
    ]

    wire.wait_until_idling()  # from here on nothing is asked of Thunderbird
    witness.put(letter("Just arrived"))
    thunderbird.script('return until(() => shown("INBOX").length == 4);')

    with witness.session() as other:
        other.select_folder("INBOX")
        uids = dict(zip(("lunch", "world", "pictures", "arrived"), other.search(), strict=True))
        wire.wait_until_idling()
        other.add_flags([uids["lunch"]], [b"\\Seen", b"\\Flagged"])
        thunderbird.script(FLAGS, "Lunch on Thursday", True, True)
        wire.wait_until_idling()
        other.remove_flags([uids["lunch"]], [b"\\Flagged"])
        thunderbird.script(FLAGS, "Lunch on Thursday", True, False)
        wire.wait_until_idling()
        other.delete_messages([uids["world"]])
        other.expunge()
        thunderbird.script('return until(() => shown("INBOX").length == 3);')


@pytest.mark.timeout(300)
def test_what_a_user_does_in_thunderbird_is_done_on_the_server(
    thunderbird: Thunderbird, wire: WireTap, witness: Witness
) -> None:
    thunderbird.script(LOOK, "INBOX", 3)
    thunderbird.script("""
folder("INBOX").markMessagesRead([message("INBOX", "Lunch on Thursday")], true);
folder("INBOX").markMessagesFlagged([message("INBOX", "Holiday pictures")], true);
server().rootFolder.createSubfolder("Travel & more", window.msgWindow);
await until(() => server().rootFolder.descendants.some(one => one.name == "Travel & more"));
const target = server().rootFolder.descendants.find(one => one.name == "Travel & more");
const moved = new Promise(done => MailServices.copy.copyMessages(
  folder("INBOX"), [message("INBOX", "Holiday pictures")], target, true,
  {QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]),
   onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; }, onStopCopy: done},
  window.msgWindow, false));
await moved;
return until(() => shown("INBOX").length == 2);
""")
    wire.wait_until_idling()
    with witness.session() as other:
        other.select_folder("Travel & more", readonly=True)
        (moved,) = other.fetch(other.search(), ["FLAGS", "BODY.PEEK[]"]).values()
        assert moved[b"BODY[]"] == PICTURES
        assert b"\\Flagged" in moved[b"FLAGS"]
        other.select_folder("INBOX", readonly=True)
        kept = other.fetch(other.search("UNDELETED"), ["FLAGS", "BODY.PEEK[]"]).values()
        assert {one[b"BODY[]"]: b"\\Seen" in one[b"FLAGS"] for one in kept} == {PLAIN: True, MULTILINGUAL: False}


@pytest.mark.timeout(300)
def test_thunderbird_shows_the_text_of_a_message(thunderbird: Thunderbird) -> None:
    thunderbird.script(LOOK, "INBOX", 3)
    text = thunderbird.script("""
const one = message("INBOX", "Привет, 世界");
const {MsgHdrToMimeMessage} = ChromeUtils.importESModule("resource:///modules/gloda/MimeMessage.sys.mjs");
return new Promise(done => MsgHdrToMimeMessage(
  one, null, (header, mime) => done(mime.coerceBodyToPlaintext(folder("INBOX"))), true));
""")
    assert "Grüße aus Köln, привет из Москвы, 東京からこんにちは, שלום." in text
