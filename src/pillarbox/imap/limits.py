"""Every size, count and depth that a client meets, each with its reason.

Reasons that name a CVE or a peer: what others learned the hard way, or what clients are used to.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ImapLimits:
    """Settings of the IMAP room, `[imap]` in pillarbox.toml."""

    line_bytes_before_login: int = 8 * 1024
    """A command line of a stranger. Long enough for any SASL response that is in use."""
    line_bytes: int = 64 * 1024
    """A command line. Clients send UID lists of some kilobytes; what is longer they must split."""
    literal_bytes_before_login: int = 1024
    """A literal of a stranger (user name, password). CVE-2026-27857: memory before login."""
    literal_bytes: int = 128 * 1024
    """A literal that is not a message: search texts, mailbox names. Precedent: Cyrus."""
    command_bytes: int = 1024 * 1024
    """All parts of a command together, messages not counted. CVE-2024-34055."""
    literals_per_command: int = 1_000
    """Literals of one command, so that empty ones can't pile up."""
    drain_bytes: int = 1024 * 1024
    """A refused literal that the client sends without asking is read and dropped up to this; past it, BYE."""
    unread_input_bytes: int = 64 * 1024
    """Pipelined commands that wait while one runs; past it the connection stops reading."""
    nesting_depth: int = 16
    """Parentheses in parentheses, NOT of NOT. Nobody writes deeper; parsers have died of it."""
    list_items: int = 1_000
    """Members of one parenthesised list: flags, header names, search keys."""
    list_patterns: int = 20
    """Patterns of one LIST; each is tried on every mailbox. Clients send one, rarely three."""
    search_contexts: int = 16
    """Results of one client that are kept up to date (RFC 5267). Each looks at every change; one is the least."""
    notify_filters: int = 100
    """Mailbox names and groups of one NOTIFY; each is tried on every mailbox whenever one is made or renamed."""
    notify_mailboxes: int = 5_000
    """Mailboxes outside of the open one that a client is told about; their counts are held for it."""
    notify_responses: int = 500
    """What a client is told at once because of NOTIFY; with more it is told NOTIFICATIONOVERFLOW, and looks itself."""
    fetch_items: int = 100
    """Items of one FETCH: each may be a message's worth of bytes and of work. Clients ask for some dozens at most."""
    message_limit: int = field(default=0, metadata={"minimum": 0})
    """Messages that one FETCH, STORE, SEARCH, SORT, THREAD, COPY, MOVE, EXPUNGE or APPEND deals with; 0 for no limit.
    Clients are told (MESSAGELIMIT, RFC 9738) and go on where a command stopped; those that don't know it may believe
    that there is no more mail, so keep it off unless you must. 1,000 is what others use."""
    save_limit: int = field(default=0, metadata={"minimum": 0})
    """The same for COPY and APPEND alone (SAVELIMIT)."""
    append_messages: int = 1_000
    """Messages of one MULTIAPPEND: they are stored in one transaction."""
    bad_commands_before_login: int = 3
    """Commands that break the grammar before BYE. A mail client makes none."""
    bad_commands: int = 20
    """The same after login, where a client's bug should not cut off its user at once."""
    login_failures: int = 3
    """Failed logins per connection before BYE."""
    append_memory_bytes: int = 16 * 1024 * 1024
    """Small messages of one MULTIAPPEND that are held in memory; what comes after them is staged on disk."""
    spilled_literals: int = 32
    """Staged messages of one MULTIAPPEND: each may hold a file descriptor, or up to a MiB before it is on disk."""
    fetch_batch_messages: int = 500
    """Messages rendered at a time in FETCH: bounds memory, keeps other clients served."""
    fetch_batch_bytes: int = 512 * 1024
    """Message bytes read at a time in FETCH; larger messages go out in pieces of `stream_bytes`."""
    stream_bytes: int = 64 * 1024
    """Piece of a large message on its way to a client."""
    inflate_ratio: int = 250
    """How many times larger a compressed stream may grow, past its first MiB. Mail grows 3 to 20 times; zlib's
    most is 1,032."""
    id_fields: int = 30
    """RFC 2971 section 3.3."""
    metadata_value_bytes: int = field(default=64 * 1024, metadata={"minimum": 1024})
    """One annotation of a mailbox or of the server (RFC 5464); 1024 must be taken (section 4.1)."""
    metadata_entries: int = field(default=200, metadata={"minimum": 10})
    """Annotations of one mailbox, or of the server; 10 must be taken."""
    admin_contact: str = ""
    """How clients reach whoever runs the server: a URI such as `mailto:postmaster@example.org`, told as the annotation
    /shared/admin."""
    url_hosts: tuple[str, ...] = ()
    """Names that this server goes by in IMAP URLs (CATENATE, URLAUTH), the first one first. None: a URL with any name
    is looked up here, which is right as long as people have their mail on one server."""
    submission_logins: tuple[str, ...] = ()
    """Accounts that mail submission servers log in with: only these may fetch what was authorised for submission
    (`;URLAUTH=submit+...`, RFC 4467). A name here is no account yet: make one."""
