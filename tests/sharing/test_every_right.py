"""Every command that names a mailbox, with every right missing: attacks 8 and 9 of the security page.

RFC 4314 section 4 says which rights a command takes, section 6 that one who may not see a mailbox hears the same as if
it was not there.
"""

from __future__ import annotations

import pytest

from tests.sharing.people import Person
from tests.transcripts.memory import MemoryStage

BOX = '"Other Users/fred/Box"'
MESSAGE = "{10+}\r\nSubject: x"

COMMANDS = {
    f"SELECT {BOX}": "r",
    f"EXAMINE {BOX}": "r",
    f"STATUS {BOX} (MESSAGES)": "r",
    f"APPEND {BOX} {MESSAGE}": "i",
    f'CREATE {BOX[:-1]}/New"': "k",
    f"DELETE {BOX}": "x",
    f'RENAME {BOX} "Other Users/fred/Top/Box"': "x",
    f"GETACL {BOX}": "a",
    f"SETACL {BOX} eve lr": "a",
    f"DELETEACL {BOX} eve": "a",
    f"LISTRIGHTS {BOX} eve": "a",
}
"""Command -> what it takes."""

IN_OWN = {f"COPY 1 {BOX}": "i", f"MOVE 1 {BOX}": "i", f"REPLACE 1 {BOX} {MESSAGE}": "i"}
"""Commands in the selected state of the own INBOX, and what they take of the destination."""

IN_BOX = {
    "STORE 1 +FLAGS (\\Seen)": "s",
    "STORE 1 +FLAGS (\\Deleted)": "t",
    "STORE 1 +FLAGS (\\Flagged keyword)": "w",
    "EXPUNGE": "e",
    "UID EXPUNGE 1": "e",
    "MOVE 1 INBOX": "te",
    f"COPY 1 {BOX}": "i",
    f"REPLACE 1 INBOX {MESSAGE}": "te",
    "FETCH 1 BODY.PEEK[]": "",
    "SEARCH TEXT x": "",
    "SORT (SUBJECT) UTF-8 ALL": "",
}
"""Commands with the shared mailbox open (which takes `r`)."""

RIGHTS = "lrswipkxtea"


async def shared_box(rights: str) -> tuple[Person, Person]:
    """Fred, whose Box has a message, and bob with these rights and a message of his own."""
    stage = MemoryStage()
    fred, bob = await Person.enter(stage, "fred"), await Person.enter(stage, "bob")
    await fred.done("CREATE Box")
    await fred.done(f"APPEND Box {MESSAGE}")
    await bob.done(f"APPEND INBOX {MESSAGE}")
    await fred.done("CREATE Top")
    await fred.done("SETACL Top bob k")
    await fred.done(f'SETACL Box bob "{rights}"')
    return fred, bob


async def leave(*people: Person) -> None:
    for person in people:
        await person.close()


@pytest.mark.parametrize("letter", RIGHTS)
async def test_a_command_is_done_unless_a_right_that_it_takes_is_missing(letter: str) -> None:
    for selected, commands in (("", COMMANDS), ("INBOX", IN_OWN), (BOX, IN_BOX)):
        for command, taken in commands.items():
            fred, bob = await shared_box(RIGHTS.replace(letter, ""))
            if selected == BOX and letter == "r":
                await leave(fred, bob)
                continue
            if selected:
                await bob.done(f"SELECT {selected}")
            heard = await bob.say(command)
            if letter in taken:
                assert heard[-1].startswith("tag NO [NOPERM]"), (command, heard)
                assert len(heard) == 1 or command.startswith("SELECT"), (command, heard)
            else:
                assert heard[-1].startswith("tag OK"), (command, heard)
            await leave(fred, bob)


@pytest.mark.parametrize("rights", ["", "s", "w", "t", "e", "p", "swtep"])
async def test_what_may_not_be_known_is_answered_as_what_is_not_there(rights: str) -> None:
    fred, bob = await shared_box(rights)
    for name in ("COPY", "MOVE"):
        await bob.done("SELECT INBOX")
        assert await bob.say(f"{name} 1 {BOX}") == await bob.say(f'{name} 1 "Other Users/fred/Nowhere"')
        await bob.done("UNSELECT")
    for command in (*COMMANDS, f"MYRIGHTS {BOX}", f"UNSUBSCRIBE {BOX}", f'LIST "" {BOX}', *IN_OWN):
        absent = command.replace("fred/Box", "fred/Nowhere")
        nobody = command.replace("Other Users/fred/", "Other Users/nobody/")
        if command in IN_OWN:
            await bob.done("SELECT INBOX")
        heard = await bob.say(command)
        assert heard == await bob.say(absent) == await bob.say(nobody), command
        if command in IN_OWN:
            await bob.done("UNSELECT")
        assert command.startswith(("LIST", "UNSUBSCRIBE")) or heard[-1].startswith("tag NO"), heard
    assert await bob.say('LIST "" "Other Users/*"') == ["tag OK LIST completed"]
    assert await bob.say("ESEARCH IN (mailboxes " + BOX + ") ALL") == ["tag OK ESEARCH completed"]
    await leave(fred, bob)


async def test_one_without_l_may_use_what_he_knows_of_but_is_not_told_of_it() -> None:
    fred, bob = await shared_box("rs")
    assert await bob.say('LIST "" "Other Users/*"') == ["tag OK LIST completed"]
    await bob.done(f"SELECT {BOX}")
    assert (await bob.say(f"GETACL {BOX}"))[-1] == "tag NO [NONEXISTENT] No such mailbox"
    assert (await bob.done(f"MYRIGHTS {BOX}"))[0] == f"* MYRIGHTS {BOX} rs"
    await leave(fred, bob)


async def test_a_mailbox_goes_nowhere_else_and_nothing_goes_where_it_may_not() -> None:
    fred, bob = await shared_box(RIGHTS)
    await bob.done("CREATE Mine")
    for old, new in (
        (BOX, "Yours"),
        ("Mine", f'{BOX[:-1]}/Mine"'),
        (BOX, '"Other Users/eve/Box"'),
        ('"Other Users/fred/Nowhere"', "Yours"),
        ("Mine", '"Other Users"'),
    ):
        assert (await bob.say(f"RENAME {old} {new}"))[-1].startswith("tag NO [CANNOT]"), (old, new)
    for name in ('"Other Users"', '"Other Users/fred"', '"Other Users/fred/New"', '"Shared Folders/New"'):
        assert (await bob.say(f"CREATE {name}"))[-1].startswith("tag NO [NOPERM]"), name
    assert (await bob.say(f'RENAME {BOX} "Other Users/fred/New"'))[-1].startswith("tag NO [NOPERM]")
    await leave(fred, bob)


async def test_renaming_takes_x_of_all_that_goes_along() -> None:
    fred, bob = await shared_box(RIGHTS)
    await fred.done("CREATE Box/Inner")
    await fred.done("SETACL Box/Inner bob -x")
    assert (await bob.say(f'RENAME {BOX} "Other Users/fred/Top/Box"'))[-1].startswith("tag NO [NOPERM]")
    await fred.done("SETACL Box/Inner bob +x")
    await bob.done(f'RENAME {BOX} "Other Users/fred/Top/Box"')
    assert [line.split()[-1] for line in (await fred.done('LIST "" Top*'))[:-1]] == ["Top", "Top/Box", "Top/Box/Inner"]
    await leave(fred, bob)


async def test_a_new_mailbox_has_the_rights_of_the_one_above() -> None:
    fred, bob = await shared_box("lrk")
    await fred.done("CREATE Box/a/b")
    await bob.done(f'CREATE {BOX[:-1]}/c"')
    for name in ("Box/a/b", "Box/c"):
        assert (await fred.done(f"GETACL {name}"))[0] == f"* ACL {name} fred lrswipkxteacd bob lrkc"
    await leave(fred, bob)


async def test_the_ids_of_mailboxes_are_the_same_for_everybody_and_differ_for_all() -> None:
    fred, bob = await shared_box("lr")
    assert (await fred.done("STATUS Box (MAILBOXID)"))[0].split()[-1] == (await bob.done(f"STATUS {BOX} (MAILBOXID)"))[
        0
    ].split()[-1]
    listed = await bob.done('LIST "" * RETURN (STATUS (MAILBOXID))')
    ids = [line.split()[-1] for line in listed if line.startswith("* STATUS")]
    assert len(ids) == len(set(ids)) == 2
    await leave(fred, bob)


async def test_personal_mailboxes_are_one_s_own() -> None:
    fred, bob = await shared_box("lr")
    found = await bob.done("ESEARCH IN (personal) RETURN (COUNT) ALL")
    assert [line.split("MAILBOX ")[1].split(" ")[0] for line in found[:-1]] == ["INBOX"]
    found = await bob.done(f"ESEARCH IN (mailboxes {BOX} inboxes) RETURN (COUNT) ALL")
    assert len(found) == 3
    await leave(fred, bob)


async def test_identifiers_are_utf_8_and_prepared_as_login_names_are() -> None:
    fred, bob = await shared_box("lr")
    await fred.done("SETACL Box {7+}\r\nMüller lr")
    assert (await fred.done("GETACL Box"))[0] == "* ACL Box fred lrswipkxteacd bob lr {7}\r\nmüller lr"
    assert (await fred.done("LISTRIGHTS Box {7+}\r\nMüller"))[0].startswith("* LISTRIGHTS Box {7}\r\nMüller ")
    for wrong in ('"a b"', "a/b", "{3+}\r\na\0b", "-", "--bob", "group:a@b", "@"):
        for command in (f"SETACL Box {wrong} lr", f"DELETEACL Box {wrong}", f"LISTRIGHTS Box {wrong}"):
            assert (await fred.say(command))[-1].startswith("tag BAD"), command
        await fred.done("NOOP")
    await leave(fred, bob)


async def test_rights_that_go_while_a_mailbox_is_open_leave_only_legal_answers() -> None:
    for command in (
        "FETCH 1 BODY[]", "UID FETCH 1 (ENVELOPE)", "STORE 1 +FLAGS (\\Seen)", "COPY 1 INBOX", "MOVE 1 INBOX",
        "SEARCH TEXT x", "SORT (SUBJECT) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "EXPUNGE", "CLOSE", "UNSELECT",
        f"REPLACE 1 INBOX {MESSAGE}", f"COPY 1 {BOX}", "SEARCH RETURN (SAVE) ALL", "CHECK", "NOOP", "FETCH 1 FLAGS",
    ):  # fmt: skip
        fred, bob = await shared_box(RIGHTS)
        await bob.done(f"SELECT {BOX}")
        await fred.done("DELETEACL Box bob")
        heard = await bob.say(command)
        legal = ("tag OK", "tag NO [NONEXISTENT]", "tag NO [TRYCREATE]", "tag NO [EXPUNGEISSUED]")
        assert heard[-1].startswith(legal), (command, heard)
        assert "Subject: x" not in "".join(heard)
        assert (await fred.done("STATUS Box (MESSAGES DELETED UNSEEN)"))[0].endswith("(MESSAGES 1 DELETED 0 UNSEEN 1)")
        assert (await bob.done("STATUS INBOX (MESSAGES)"))[0].endswith("(MESSAGES 1)"), command
        await bob.done("NOOP")
        await leave(fred, bob)


async def test_who_lost_a_mailbox_sees_no_flags_of_it_while_expunge_is_held_back() -> None:
    fred, bob = await shared_box("lr")
    await fred.done(f"APPEND Box {MESSAGE}")
    await bob.done(f"SELECT {BOX}")
    await fred.done("SELECT Box")
    await fred.done("DELETEACL Box bob")
    for number in range(3):
        await fred.done(f"STORE 1 +FLAGS (secret{number})")
        for command in ("FETCH 2 FLAGS", "SEARCH KEYWORD secret0", "FETCH 1 (FLAGS RFC822.SIZE)"):
            heard = await bob.say(command)
            assert not [line for line in heard if "FETCH (" in line or "secret" in line], (command, heard)
    assert "* 1 EXPUNGE" in await bob.done("NOOP")
    await leave(fred, bob)


async def test_what_may_be_seen_but_not_read_is_passed_over_by_searches_and_lists() -> None:
    fred, bob = await shared_box("lx")
    found = await bob.done(f"ESEARCH IN (inboxes mailboxes {BOX}) RETURN (COUNT) ALL")
    assert [line.split("MAILBOX ")[1].split(" ")[0] for line in found[:-1]] == ["INBOX"]
    listed = await bob.done('LIST "" "Other Users/fred/%" RETURN (STATUS (MESSAGES))')
    assert listed[:-1] == [f'* LIST (\\HasNoChildren) "/" {BOX}']
    await leave(fred, bob)
