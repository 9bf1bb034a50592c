"""Thunderbird itself, in a window on a virtual screen, driven through Marionette, its own remote control.

Scripts run with Thunderbird's own rights inside it: they see the folders and messages that its user sees, and call
what its menus call. Must never: ask the server; what Thunderbird believes is what is under test.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .account import Account
from .programs import ClientHome, find_program

PATIENCE_SECONDS = 60.0

PREFERENCES = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "mail.biff.show_alert": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mailnews.database.global.indexer.enabled": False,
    "mailnews.start_page.enabled": False,
    "marionette.port": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}

OPEN_ACCOUNT = """
const [host, port, user, password] = given;
const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
login.init("imap://" + host, null, "imap://" + host, user, password, "", "");
await Services.logins.addLoginAsync(login);
const server = MailServices.accounts.createIncomingServer(user, host, "imap");
server.port = port;
server.socketType = Ci.nsMsgSocketType.SSL;
server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
server.password = password;
server.QueryInterface(Ci.nsIImapIncomingServer).useIdle = true;
const account = MailServices.accounts.createAccount();
account.incomingServer = server;
const identity = MailServices.accounts.createIdentity();
identity.email = user;
account.addIdentity(identity);
server.performExpand(window.msgWindow);
return until(() => server.rootFolder.descendants.some(folder => folder.name == "INBOX" || folder.name == "Inbox"));
"""

PRELUDE = """
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const window = Services.wm.getMostRecentWindow("mail:3pane");
const given = [...arguments].slice(0, -1);
const finish = arguments[arguments.length - 1];
const pause = () => new Promise(go => window.setTimeout(go, 100));
const server = () => MailServices.accounts.accounts.map(one => one.incomingServer).find(one => one.type == "imap");
const folder = name => {
  const found = server().rootFolder.descendants.find(one => one.URI.split("/").slice(3).join("/") == name);
  if (!found) throw new Error("no folder " + name);
  return found;
};
const shown = name => [...folder(name).messages].filter(
  one => !(one.flags & Ci.nsMsgMessageFlags.IMAPDeleted) && !(one.flags & Ci.nsMsgMessageFlags.Expunged));
const message = (name, subject) => {
  const found = shown(name).find(one => one.mime2DecodedSubject == subject);
  if (!found) throw new Error("no message " + subject);
  return found;
};
const until = async check => {
  for (;;) {
    const found = await check();
    if (found) return found;
    await pause();
  }
};
(async () => { %s })().then(value => finish({value}), error => finish({error: String(error) + error.stack}));
"""


class Thunderbird:
    """A running Thunderbird with one IMAP account; leave the `with` block to end it."""

    def __init__(self, home: ClientHome, ca_file: Path) -> None:
        self._home = home
        self._profile = home.path / "profile"
        self._profile.mkdir()
        lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in PREFERENCES.items()]
        (self._profile / "user.js").write_text("".join(lines))
        database = f"sql:{self._profile}"
        home.run(["certutil", "-N", "-d", database, "--empty-password"])
        home.run(["certutil", "-A", "-d", database, "-n", "pillarbox", "-t", "C,,", "-i", str(ca_file)])
        self._count = 0

    def __enter__(self) -> Self:
        self._screen = subprocess.Popen(
            [find_program("Xvfb"), "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._screen.stdout is not None
        display = f":{self._screen.stdout.readline().strip()}"
        command = [find_program("thunderbird"), "--marionette", "--remote-allow-system-access", "--no-remote"]
        self._process = subprocess.Popen(
            [*command, "--profile", str(self._profile)],
            env={**self._home.environment(), "DISPLAY": display},
            cwd=self._home.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            self._connect(self._announced_port())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()
        self._end()

    def open_account(self, account: Account) -> None:
        """Set up the account as its assistant would, and wait for the list of folders."""
        self.script(OPEN_ACCOUNT, account.host, account.port, account.user, account.password)

    def script(self, text: str, *given: object) -> Any:  # Any: whatever JSON the script returns
        """Run the body of an async function inside; see PRELUDE for what it may use. Raises AssertionError."""
        result = self._command("WebDriver:ExecuteAsyncScript", script=PRELUDE % text, args=list(given))["value"]
        assert "error" not in result, result
        return result.get("value")

    # --- within ----------------------------------------------------------------------------------

    def _announced_port(self) -> int:
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if found := re.search(r"Marionette\s+INFO\s+Listening on port (\d+)", line):
                threading.Thread(target=self._process.stdout.read, daemon=True).start()  # keeps the pipe empty
                return int(found[1])
        raise AssertionError("Thunderbird did not start:\n" + "".join(said))

    def _connect(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.settimeout(2 * PATIENCE_SECONDS)
        self._receive()
        self._command("WebDriver:NewSession")
        self._command("Marionette:SetContext", value="chrome")
        self._command("WebDriver:SetTimeouts", script=int(PATIENCE_SECONDS * 1000))

    def _command(self, name: str, **parameters: object) -> Any:
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(data), data))
        answer: Sequence[Any] = self._receive()
        assert answer[2] is None, answer[2]
        return answer[3]

    def _receive(self) -> Any:
        """`LENGTH:JSON`"""
        length = b""
        while not length.endswith(b":"):
            length += self._socket.recv(1) or _hung_up()
        data = b""
        while len(data) < int(length[:-1]):
            data += self._socket.recv(int(length[:-1]) - len(data)) or _hung_up()
        return json.loads(data)

    def _end(self) -> None:
        for process in (self._process, self._screen):
            process.kill()
            process.wait()


def _hung_up() -> bytes:
    raise AssertionError("Thunderbird hung up")
