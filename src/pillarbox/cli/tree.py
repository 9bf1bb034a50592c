"""The tree of commands and what `--help` says of them.

Commands are named by import path and loaded when typed; so their help stands here, its first paragraph in lists.

Must never: do what a command does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import cyclopts
from cyclopts import App, Parameter
from rich.console import Console

from pillarbox import __version__
from pillarbox.cli.exits import CommandFailed, ExitCode

_Commands = Mapping[str, tuple[str, str]]
"""Name -> (where it is, its help)."""

_EXAMPLES: Final = """\
**Examples**

Serve mail of your own machine on a port of your choice:

    pillarbox serve --data ~/mail --listen 127.0.0.1:9993

Let somebody in (asks for the password), then bring their old mail along:

    pillarbox user add alice --data ~/mail
    pillarbox import ~/Maildir --user alice --data ~/mail

Without `--data` the data folder is /var/lib/pillarbox for root, else ~/.local/share/pillarbox.
"""

_MAIN: Final[_Commands] = {
    "serve": (
        "serve:serve",
        """Serve mail until SIGTERM or Ctrl-C; SIGHUP reads a renewed certificate.

Prints `ready imaps://HOST:PORT` when connections are accepted; the log goes to stderr. The first start makes the
data folder and a certificate, and says how mail programs are made to trust it.

For example:

    pillarbox serve
    pillarbox serve --listen 192.0.2.10:993 --listen [2001:db8::10]:993 --workers 2
""",
    ),
    "check": (
        "check:check",
        """Look at any mail server from outside: is it reachable, is TLS right, what must be mended?

Every line has a verdict in plain words, a remedy where one is needed, and the same by hand to copy. Ends with 0 when
all is well, 1 with warnings, 2 with failures, 3 when something could not be found out (docs/check.md).

For example:

    pillarbox check mail.example.org
    pillarbox check mail.example.org:587 --domain example.org
    pillarbox check mail.example.org --user alice --password-stdin < password.txt
    pillarbox check mail.example.org --watch
""",
    ),
    "client-config": (
        "client_config:client_config",
        """What people enter in a mail program; with --out, every file that sets one up.

Shows the settings and a QR code. With --out it writes autoconfig and Autodiscover documents, pages, QR codes and Apple
profiles: for the domains, and a folder for each account (docs/clients.md).

For example:

    pillarbox client-config --user alice@example.org
    pillarbox client-config --out client-config
""",
    ),
    "dns": (
        "dns:dns",
        """Print every DNS record to publish, ready to paste into a zone file.

A, AAAA, SRV, CNAME, TLSA and CAA from the settings and the certificate that is served. Lines behind a `;` want a
thought or a value from you.

For example:

    pillarbox dns
    pillarbox dns --domain example.org --json
""",
    ),
    "doctor": (
        "doctor:doctor",
        """Examine this installation; a remedy for every finding.

Data folder, configuration, certificates, DNS, the ports listened at, clock, disk, mail, versions and limits. Ends with
0 when all is well, 1 with warnings, 2 with failures, 3 when something could not be found out (docs/doctor.md).

For example:

    pillarbox doctor
    pillarbox doctor --json
""",
    ),
    "import": (
        "bring:bring",
        """Bring mail along: an mbox, a Maildir with its subfolders, .eml files, or an export.

What it is, is found out. Dates and flags are kept, mailboxes are made and subscribed, the source stays as it is.
UIDs of a Dovecot Maildir or an export are kept in mailboxes that never had mail, so that programs need not download
again; importing that again brings only what is new. Anything else imported again comes a second time. Each batch is on
disk before the next begins; what can't be read is named (exit code 65). The server may run meanwhile.

For example:

    pillarbox import ~/Maildir --user alice
    pillarbox import old.mbox --user alice --mailbox Archive/2019
""",
    ),
    "deliver": (
        "deliver:deliver",
        """Deliver one message from stdin, as a mail server's pipe does; 0 means that it is on disk.

Writes into the data folder, whether the server runs or not. Other exit codes: 65 too large, 67 nobody has that name,
69 mailbox full, 75 to be tried again, 77 not allowed (docs/delivery.md). LMTP is faster and says more.

For example:

    pillarbox deliver --user alice < message.eml
    pillarbox deliver --user alice+lists@example.org --sender bob@example.net < message.eml
""",
    ),
    "watch": (
        "watch:watch",
        """Run a program for each message that comes, on any IMAPS server.

The program gets the message on stdin and what is known of it in PILLARBOX_* variables; exit code 0 is success. Each
message is handed over once: a file remembers. Failures are tried again, then put aside. Ends at SIGTERM, when the
program that runs has finished (docs/automation.md).

For example:

    pillarbox watch imaps://alice@mail.example.org --exec ./invoice.py --then move:Done --dead-letter Failed
    pillarbox watch --config watch.toml
""",
    ),
    "export": (
        "export:export",
        """Write the mail of an account to a folder: .eml with a manifest (nothing is lost), Maildir, or mbox.

`pillarbox import` brings an eml export back with UIDs, flags and dates. Dovecot reads the Maildir (LAYOUT=fs) with its
UIDs. The folder has its name only when all of it is written. The server may run meanwhile (docs/migrate.md).

For example:

    pillarbox export ~/alice-mail --user alice
    pillarbox export ~/Maildir --user alice --format maildir
    pillarbox export ~/sent --user alice --format mbox --mailbox Sent
""",
    ),
    "restore": (
        "restore:restore",
        """Bring back a server out of a backup, or an account, a mailbox or single messages.

A whole server goes into an empty data folder, with all UIDs. With --user mail goes into an account of the server as it
runs: a mailbox that is not there comes back with its UIDs; into one that is there comes only what is missing, under new
UIDs. Nothing that is there is changed (docs/backup.md).

For example:

    pillarbox restore /mnt/backup/mail --data /var/lib/pillarbox
    pillarbox restore /mnt/backup/mail --user alice
    pillarbox restore /mnt/backup/mail --user alice --mailbox Archive --run 20261120T020000Z
    pillarbox restore /mnt/backup/mail --user alice --mailbox INBOX --uid 4711
""",
    ),
    "undelete": (
        "undelete:undelete",
        """Put expunged mail back where it was, with its flags and dates; mailboxes that were deleted are made anew.

Expunged mail is kept for `store.keep_expunged_days`, 14 unless set, and counts in no quota. The server may run
meanwhile (docs/backup.md).

For example:

    pillarbox undelete --user alice --list
    pillarbox undelete --user alice --mailbox Archive --since 2d
    pillarbox undelete --user alice --mailbox INBOX --uid 4711
    pillarbox undelete --user alice --message-id "<20261120@example.org>" --into Recovered
""",
    ),
    "migrate": (
        "migrate:migrate",
        """Copy whole accounts from any IMAP server: mailboxes, flags, keywords, dates, special uses, subscriptions.

Over verified TLS; the source stays as it is. Run it again at any time: it goes on where it stopped and brings only what
is new, nothing twice. The server may run meanwhile. --verify compares every message. Ends with 65 when something was
left out or differs, 69 when the source can't be used (docs/migrate.md).

For example:

    pillarbox migrate imaps://alice@old.example.org --user alice
    pillarbox migrate imaps://alice@old.example.org --user alice --password-file old.txt --verify
    pillarbox migrate imaps://old.example.org --accounts people.csv --parallel 8
""",
    ),
}

_BACKUP: Final = (
    "backup:backup",
    """Back up the whole server into a folder, while it runs: accounts, mail, certificates, settings.

Each account is taken as it is at one moment. A second run into the same folder stores only what changed. An interrupted
run leaves the earlier ones as they were. With --encrypt-to nobody reads it without the age identity (docs/backup.md).

For example:

    pillarbox backup /mnt/backup/mail
    pillarbox backup /mnt/backup/mail --encrypt-to age1...
""",
)
_BACKUPS: Final[_Commands] = {
    "list": (
        "backup:list_runs",
        """List the backups in a folder.

For example:

    pillarbox backup list /mnt/backup/mail
""",
    ),
    "verify": (
        "backup:verify",
        """Read a backup whole and look whether it can be used; ends with 65 when it can't.

Every piece is compared with its name, every database is checked, every message with its hash.

For example:

    pillarbox backup verify /mnt/backup/mail
    pillarbox backup verify /mnt/backup/mail --all --identity key.txt
""",
    ),
    "prune": (
        "backup:prune",
        """Remove all backups but the latest ones, and what only they needed.

For example:

    pillarbox backup prune /mnt/backup/mail --keep 14
""",
    ),
}

_EXPUNGED: Final[_Commands] = {
    "purge": (
        "undelete:purge",
        """Remove expunged mail for good, before the server does.

What is older than the setting `store.keep_expunged_days` goes by itself.

For example:

    pillarbox expunged purge --user alice --older-than 0d
    pillarbox expunged purge --older-than 3d
""",
    ),
}

_HISTORY: Final[_Commands] = {
    "show": (
        "history:show",
        """Show which messages were in a mailbox at a moment.

Flags are those of now, or of the moment when a message left: how they were before is not kept.

For example:

    pillarbox history show --user alice --mailbox INBOX --at "2026-11-20 14:30"
    pillarbox history show --user alice --mailbox INBOX --at 2d --json
""",
    ),
    "restore": (
        "history:restore",
        """Copy a mailbox as it was at a moment into a new mailbox; nothing else changes.

For example:

    pillarbox history restore --user alice --mailbox INBOX --at 2d --into "INBOX of Monday"
""",
    ),
}

_USER: Final[_Commands] = {
    "add": (
        "user:add",
        """Make an account; asks for its password.

For example:

    pillarbox user add alice@example.org
    pillarbox user add alice --password-stdin < password.txt
""",
    ),
    "list": (
        "user:list_accounts",
        """List all accounts.

For example:

    pillarbox user list
    pillarbox user list --json
""",
    ),
    "password": (
        "user:change_password",
        """Give an account another password; the old one is out at once.

For example:

    pillarbox user password alice
""",
    ),
    "disable": (
        "user:disable",
        """Let nobody in with this account; its mail stays.

For example:

    pillarbox user disable alice
""",
    ),
    "enable": (
        "user:enable",
        """Undo `disable`.

For example:

    pillarbox user enable alice
""",
    ),
    "admin": (
        "user:administer",
        """Let an account set quotas and what is said of the whole server, over IMAP; or no longer.

For example:

    pillarbox user admin alice on
    pillarbox user admin alice off
""",
    ),
    "remove": (
        "user:remove",
        """Remove an account and all of its mail. Asks first.

For example:

    pillarbox user remove alice
    pillarbox user remove alice --yes
""",
    ),
    "import": (
        "user:import_accounts",
        """Make accounts from a CSV file: all, or none when a line is wrong.

One `name,password` a line, UTF-8; a first line that says so is skipped. All lines are checked before anything is done.

For example:

    pillarbox user import people.csv
""",
    ),
}

_QUOTA: Final[_Commands] = {
    "show": (
        "quota:show",
        """Show what accounts keep and what they may keep.

For example:

    pillarbox quota show
    pillarbox quota show --user alice --json
""",
    ),
    "set": (
        "quota:change",
        """Limit what an account may keep; `none` lifts a limit, `default` goes back to the server's setting.

Takes effect at once. What is there already stays, also when it is more.

For example:

    pillarbox quota set --user alice --storage 20G
    pillarbox quota set --user alice --messages 100000 --mailboxes none
""",
    ),
}

_MAILBOX: Final[_Commands] = {
    "list": (
        "mailbox:list_mailboxes",
        """List the mailboxes of an account, with how much is in them.

For example:

    pillarbox mailbox list --user alice
""",
    ),
}

_ACL: Final[_Commands] = {
    "set": (
        "acl:set_acl",
        """Say what somebody may do with a mailbox (docs/sharing.md); sessions that are open feel it at once.

For example:

    pillarbox acl set --user alice Recipes bob lrs
    pillarbox acl set --user alice Recipes group:family lrswi
    pillarbox acl set --user alice Recipes bob none
""",
    ),
    "get": (
        "acl:get_acl",
        """Show who may do what with a mailbox.

For example:

    pillarbox acl get --user alice Recipes
""",
    ),
    "list": (
        "acl:list_acls",
        """List the mailboxes of an account that are shared, and with whom.

For example:

    pillarbox acl list --user alice
    pillarbox acl list --user alice --json
""",
    ),
    "rebuild": (
        "acl:rebuild",
        """Find out anew who shares with whom: after accounts or their mail came back from a backup.

For example:

    pillarbox acl rebuild
""",
    ),
}

_GROUP: Final[_Commands] = {
    "add": (
        "group:add",
        """Put accounts into a group, which is made by that; mailboxes are shared with group:NAME.

For example:

    pillarbox group add family alice bob
""",
    ),
    "remove": (
        "group:remove",
        """Take accounts out of a group, or all of them.

For example:

    pillarbox group remove family bob
    pillarbox group remove family
""",
    ),
    "list": (
        "group:list_groups",
        """List all groups and who is in them.

For example:

    pillarbox group list
    pillarbox group list --json
""",
    ),
}

_SHARED: Final[_Commands] = {
    "create": (
        "shared:create",
        """Make a mailbox that belongs to nobody; nobody sees it before `grant`.

For example:

    pillarbox shared create Announcements
""",
    ),
    "grant": (
        "shared:grant",
        """Say what somebody may do with a shared mailbox.

For example:

    pillarbox shared grant Announcements anyone lrs
    pillarbox shared grant Announcements alice lrswipkxtea
""",
    ),
    "list": (
        "shared:list_shared",
        """List the shared mailboxes, and who may do what with them.

For example:

    pillarbox shared list
""",
    ),
    "remove": (
        "shared:remove",
        """Remove a shared mailbox and all mail in it. Asks first.

For example:

    pillarbox shared remove Announcements
    pillarbox shared remove Announcements --yes
""",
    ),
}

_ALIAS: Final[_Commands] = {
    "add": (
        "alias:add",
        """Lead an address to one or more accounts; what leads there already stays.

Mail only: nobody logs in with an alias. An alias that is an account's own name comes before the account.

For example:

    pillarbox alias add info@example.org alice bob
    pillarbox alias add @example.org alice
""",
    ),
    "list": (
        "alias:list_aliases",
        """List all aliases.

For example:

    pillarbox alias list
    pillarbox alias list --json
""",
    ),
    "remove": (
        "alias:remove",
        """Remove an alias, or only some of the accounts that it leads to.

For example:

    pillarbox alias remove info@example.org
    pillarbox alias remove info@example.org bob
""",
    ),
}

_SIEVE: Final[_Commands] = {
    "put": (
        "sieve:put",
        """Keep a Sieve script, in place of one of that name; `-` reads it from the standard input.

A script with a mistake is not kept. Mail is filtered by it once it is active (docs/sieve.md).

For example:

    pillarbox sieve put main rules.sieve --user alice
""",
    ),
    "get": (
        "sieve:get",
        """Print a Sieve script.

For example:

    pillarbox sieve get main --user alice
""",
    ),
    "list": (
        "sieve:list_scripts",
        """List the Sieve scripts of an account, and which one mail is filtered by.

For example:

    pillarbox sieve list --user alice
""",
    ),
    "activate": (
        "sieve:activate",
        """Filter an account's mail by a script from now on.

For example:

    pillarbox sieve activate main --user alice
""",
    ),
    "deactivate": (
        "sieve:deactivate",
        """Filter an account's mail no more; its scripts stay.

For example:

    pillarbox sieve deactivate --user alice
""",
    ),
    "remove": (
        "sieve:remove",
        """Remove a Sieve script that is not active.

For example:

    pillarbox sieve remove old --user alice
""",
    ),
    "check": (
        "sieve:check",
        """Look for mistakes in a Sieve script, by line and column. Works offline.

For example:

    pillarbox sieve check rules.sieve
""",
    ),
    "test": (
        "sieve:try_out",
        """Show what a Sieve script would do with a message; nothing is done.

For example:

    pillarbox sieve test rules.sieve message.eml --sender bob@example.net
""",
    ),
}

_SEARCH: Final[_Commands] = {
    "status": (
        "search:status",
        """Show how far the index that text searches are answered from has come, account by account.

What waits is read by searches until it is indexed; what is too large is read each time (docs/search.md).

For example:

    pillarbox search status
    pillarbox search status --json
""",
    ),
    "explain": (
        "search:explain",
        """Carry out a search and tell its steps: what was asked in which order, of how many messages, and how.

`columns`: known without reading; `index`: answered by the index; `read`: messages that had to be read.

For example:

    pillarbox search explain --user alice --mailbox INBOX 'UNSEEN SINCE 1-Jan-2026 BODY lantern'
""",
    ),
}

_LOGINS: Final[_Commands] = {
    "list": (
        "logins:list_logins",
        """List the latest logins and refusals: when, who, from where, with which program, why not.

For example:

    pillarbox logins list
    pillarbox logins list --user alice --last 200 --json
""",
    ),
}

_ALARMS: Final[_Commands] = {
    "list": (
        "alarms:list_alarms",
        """List what looked strange about logins, and why, until it is confirmed (docs/logins.md).

For example:

    pillarbox alarms list
    pillarbox alarms list --user alice --confirmed
""",
    ),
    "confirm": (
        "alarms:confirm",
        """Say that an alarm was nothing bad; it is no longer listed.

For example:

    pillarbox alarms confirm 7
""",
    ),
}

_APP_PASSWORDS: Final[_Commands] = {
    "add": (
        "app_password:add",
        """Make a password for one device or program, and print it: it is shown only now.

It opens the account, as far as its limits go: look only, or only put messages in; certain mailboxes; certain networks,
or the first that uses it; until a date. A limited one can't change Sieve scripts or who shares mailboxes. Letters may
be typed in any case, with or without the dashes (docs/app-passwords.md).

For example:

    pillarbox app-password add alice phone
    pillarbox app-password add alice "scanner in the hall" --append-only --mailbox Scans --from 192.0.2.0/24
    pillarbox app-password add alice archive-robot --read-only --lock address --expires 90d
""",
    ),
    "list": (
        "app_password:list_app_passwords",
        """List an account's app passwords: their limits, and when, where and by which program they were used last.

The last use is written down once a minute. Nobody can show an app password again.

For example:

    pillarbox app-password list alice
    pillarbox app-password list alice --json
""",
    ),
    "show": (
        "app_password:show",
        """Show all about one app password, but for what it is.

For example:

    pillarbox app-password show alice phone
""",
    ),
    "revoke": (
        "app_password:revoke",
        """Take an app password back; the sessions that it opened end at once, in all workers.

For example:

    pillarbox app-password revoke alice phone
    pillarbox app-password revoke alice --all
""",
    ),
}

_SESSIONS: Final[_Commands] = {
    "list": (
        "sessions:list_sessions",
        """List who is logged in now, in all workers: mail programs, ManageSieve and event streams.

For example:

    pillarbox sessions list
    pillarbox sessions list --user alice --json
""",
    ),
    "end": (
        "sessions:end",
        """End sessions; the programs are told so, and may log in again.

To keep somebody out, revoke the app password, change the password, disable the account or ban the network.

For example:

    pillarbox sessions end 5f0c1e9a
    pillarbox sessions end --user alice --from 192.0.2.0/24
""",
    ),
}

_MFA: Final[_Commands] = {
    "status": (
        "mfa:status",
        """Show who has a second factor, or the factors of one account.

For example:

    pillarbox mfa status
    pillarbox mfa status alice --json
""",
    ),
    "enable": (
        "mfa:enable",
        """Add an app that shows codes to an account: shows a QR code, asks for the first code, shows recovery codes.

From then on the account password opens no mail program; each one gets an app password (docs/multi-factor.md). Without
a terminal the otpauth:// URI is one line of stdout, and codes are lines of stdin; or give the first code later.

For example:

    pillarbox mfa enable alice
    pillarbox mfa enable alice --json
    pillarbox mfa enable alice --code 123456
""",
    ),
    "disable": (
        "mfa:disable",
        """Take away all second factors of an account, or one; for somebody who lost the phone and the recovery codes.

For example:

    pillarbox mfa disable alice
    pillarbox mfa disable alice --factor 1f2e3d4c5b6a7988
""",
    ),
    "recovery": (
        "mfa:recovery",
        """Make ten new recovery codes, shown once; those before are void.

For example:

    pillarbox mfa recovery alice
""",
    ),
}

_BANS: Final[_Commands] = {
    "list": (
        "bans:list_bans",
        """List the networks that may not log in now.

For example:

    pillarbox bans list
""",
    ),
    "add": (
        "bans:add",
        """Let nobody log in from an address or a network; sessions that are open stay.

For example:

    pillarbox bans add 192.0.2.7 --hours 24
    pillarbox bans add 2001:db8::/32 --reason "never again"
""",
    ),
    "remove": (
        "bans:remove",
        """Lift a ban, by hand or the server's own.

For example:

    pillarbox bans remove 192.0.2.7
""",
    ),
}

_AUDIT: Final[_Commands] = {
    "verify": (
        "audit:verify",
        """Read the audit log and look whether anybody changed, removed or moved an entry; ends with 65 then.

The first broken entry is named. With the verification key, kept on another machine, not even somebody who took over
this one can rewrite what was before. A head that was written down earlier shows that nothing since is gone.

For example:

    pillarbox audit verify
    pillarbox audit verify --key /media/stick/verification.key
    pillarbox audit verify --head 4711:9f2c...
""",
    ),
    "list": (
        "audit:list_entries",
        """List the latest entries: logins, refusals, alarms, changes of accounts, rights and settings, and by whom.

For example:

    pillarbox audit list
    pillarbox audit list --user alice --since 2d
    pillarbox audit list --event login.denied --event account --json
""",
    ),
    "export": (
        "audit:export",
        """Print entries as they were written, one line of JSON each, oldest first.

For example:

    pillarbox audit export > audit.jsonl
    pillarbox audit export --since 2026-11-01 --until 2026-12-01 > november.jsonl
""",
    ),
    "tail": (
        "audit:tail",
        """Print the last ten entries, and then others as they come, until Ctrl-C.

For example:

    pillarbox audit tail
    pillarbox audit tail --event login.alarm --json
""",
    ),
}

_ACME: Final[_Commands] = {
    "issue": (
        "acme:issue",
        """Get a certificate that everybody's programs trust; from Let's Encrypt, or from `acme.directory_url`.

All names go into one certificate. How they are proved is said by `acme.challenge` (docs/certificates.md). A running
server shows it a second later, and renews it. Try --dry-run first: authorities allow few failures.

For example:

    pillarbox acme issue mail.example.org --dry-run --agree-terms
    pillarbox acme issue mail.example.org imap.example.org --agree-terms
""",
    ),
    "status": (
        "acme:status",
        """List the certificates that came by ACME: for what, until when, when they are renewed, and what went wrong.

For example:

    pillarbox acme status
    pillarbox acme status --json
""",
    ),
    "renew": (
        "acme:renew",
        """Renew the certificates that are due; a running server does that by itself.

Ends with 69 when one could not be got; what is served stays as it is.

For example:

    pillarbox acme renew
    pillarbox acme renew --force
""",
    ),
    "revoke": (
        "acme:revoke",
        """Tell the world that a certificate counts no longer, and show it no longer.

When its key fell into strange hands, say so: --reason key-compromise.

For example:

    pillarbox acme revoke mail.example.org
    pillarbox acme revoke mail.example.org --reason key-compromise
""",
    ),
}

_CONFIG: Final[_Commands] = {
    "check": (
        "configuration:check",
        """Check the configuration file; every mistake is named at once, with its line.

For example:

    pillarbox config check
    pillarbox config check --config new.toml
""",
    ),
    "reference": (
        "configuration:show_reference",
        """Print all settings with their defaults and reasons, as Markdown (docs/configure.md).

For example:

    pillarbox config reference | less
""",
    ),
}

_SYSTEMD: Final[_Commands] = {
    "unit": (
        "systemd:unit",
        """Print a systemd unit that runs the server with as few rights as it needs (docs/deploy.md).

For example:

    pillarbox systemd unit
    pillarbox systemd unit --socket --program /opt/pillarbox/bin/pillarbox
""",
    ),
    "sockets": (
        "systemd:print_sockets",
        """Print the socket unit that belongs to `unit --socket`: every port that the settings name.

For example:

    pillarbox systemd sockets
""",
    ),
    "install": (
        "systemd:install",
        """Write the units and the server's user below /etc, and say which commands start it.

For example:

    pillarbox systemd install
    pillarbox systemd install --socket
""",
    ),
}

_FIREWALL: Final[_Commands] = {
    "open": (
        "firewall:let_in",
        """Let a port in through this machine's firewall; a dry run unless --apply is given.

Finds out which of ufw, firewalld, nftables and iptables is in force and prints the exact commands. With --apply it runs
them, then looks at the rules again. Doing it twice changes nothing. Never opens more than was asked for.

For example:

    pillarbox firewall open
    pillarbox firewall open --apply
    pillarbox firewall open --source 192.0.2.0/24 --source 2001:db8::/32 --apply
    pillarbox firewall open --port 4190 --with iptables
""",
    ),
    "close": (
        "firewall:shut",
        """Take away the rules that let in just this port; a dry run unless --apply is given.

With --source only the rules for these networks. A wider rule (a range of ports, a default) is named and stays.

For example:

    pillarbox firewall close
    pillarbox firewall close --source 192.0.2.0/24 --apply
""",
    ),
    "status": (
        "firewall:tell",
        """Tell whether the firewall lets a port in, and which rule decides.

For example:

    pillarbox firewall status
    pillarbox firewall status --port 25 --json
""",
    ),
}

_PORT: Final = (
    "port:show",
    """What a port is for, what to watch out for, how to try it and how to open it. Works offline.

By number or by name; without either, the list of all that are known.

For example:

    pillarbox port 993
    pillarbox port imaps --host mail.example.org
    pillarbox port list --search mail
""",
)
_PORTS: Final[_Commands] = {
    "list": (
        "port:listing",
        """List the ports that are known, all or those with some words.

For example:

    pillarbox port list
    pillarbox port list --search mail
""",
    ),
}


def run(words: Sequence[str]) -> int | Callable[[], None]:
    """Carry out a command; or say what is left to be done, which serving is. Raises CommandFailed."""
    app = _build(words[0] if words else "")
    try:
        result = app(list(words), exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        raise CommandFailed(f"{str(error).rstrip()}\nTry: {_nearest_help(error)}", ExitCode.USAGE) from error
    return result if isinstance(result, int) or callable(result) else ExitCode.OK


def _build(first: str) -> App:
    """All commands, for a line that begins with `first`."""
    app = App(
        name="pillarbox",
        help="People's mail on port 993: an IMAP server that is secure by default.",
        help_epilogue=_EXAMPLES,
        help_format="markdown",
        default_parameter=Parameter(show_default=False),
        version=f"pillarbox {__version__}",
        console=Console(),
        error_console=Console(stderr=True),
    )
    _register(app, _MAIN)
    for name, text, commands in (
        ("user", "Who may enter: add, list, change and remove accounts.", _USER),
        ("acl", "Who may do what with somebody's mailboxes.", _ACL),
        ("group", "Groups of people that mailboxes are shared with.", _GROUP),
        ("shared", "Mailboxes that belong to nobody.", _SHARED),
        ("alias", "Addresses that lead to accounts of another name.", _ALIAS),
        ("mailbox", "The mailboxes of an account.", _MAILBOX),
        ("quota", "How much accounts may keep.", _QUOTA),
        ("sieve", "Sieve scripts: where arriving mail goes.", _SIEVE),
        ("search", "Searches in people's mail: how far the index is, and how a search goes.", _SEARCH),
        ("history", "Mailboxes as they were at a moment.", _HISTORY),
        ("expunged", "Mail that was expunged and is kept for some days.", _EXPUNGED),
        ("logins", "Who logged in, and who did not.", _LOGINS),
        ("app-password", "Passwords for single devices, with limits of their own.", _APP_PASSWORDS),
        ("sessions", "Who is logged in now.", _SESSIONS),
        ("alarms", "Logins that looked strange.", _ALARMS),
        ("bans", "Networks that may not log in.", _BANS),
        ("mfa", "Second factors: codes of an app, recovery codes.", _MFA),
        ("audit", "What concerned safety, in a log that shows whether it was changed.", _AUDIT),
        ("acme", "Certificates from an authority that everybody trusts: issue, renew, revoke.", _ACME),
        ("config", "The configuration file.", _CONFIG),
        ("systemd", "Run the server as a service of systemd, with few rights.", _SYSTEMD),
        ("firewall", "This machine's firewall: open and close a port, see what it does.", _FIREWALL),
    ):
        group = App(name=name, help=text, help_epilogue="")
        _register(group, commands)
        app.command(group)
    for name, command, below in (("port", _PORT, _PORTS), ("backup", _BACKUP, _BACKUPS)):
        _register(app, {name: command})
        if name == first:  # looking it up loads its module
            _register(app[name], below)
    return app


def _register(app: App, commands: _Commands) -> None:
    for name, (function, text) in commands.items():
        app.command(f"pillarbox.cli.{function}", name=name, help=text, help_epilogue="")


def _nearest_help(error: cyclopts.CycloptsError) -> str:
    return " ".join(["pillarbox", *(error.command_chain or ()), "--help"])
