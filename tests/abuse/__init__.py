"""Attacks on a running server, over TLS: what must not work, and what nobody else may notice of it.

"Attacks to try", each taught by a CVE of some IMAP server, and where they are tried:

 1. plaintext around TLS: test_before_login (plain_text...), tests/net/test_tls (plaintext...), tests/imap/test_overture
    (what comes before STARTTLS)
 2. memory before login: test_before_login (lines, parentheses, literals), tests/fuzz/test_memory
 3. broken SASL, 8-bit and control octets: test_before_login (..sasl.., odd logins), test_identity (octets that no name
    has), test_names; `python -m tests.fuzz`, targets sasl and scram
 4. mixed-up identities, enumeration: test_identity, test_before_login and test_login_attack (names that nobody has); by
    the work done, which is counted and not timed: tests/auth/test_authenticator (one check for everything wrong),
    tests/auth/test_app_passwords, tests/auth/test_scram, tests/auth/test_ldap (a name that nobody has...)
 5. TOTP replay: tests/auth/test_totp (used codes, two processes); recorded SCRAM, channel binding: test_identity,
    tests/auth/test_scram, tests/net/test_binding
 6. MIME bombs: test_bombs, tests/mime/test_bombs; `python -m tests.fuzz`, target mime
 7. parsers that never end: test_after_login (deep and long lists), tests/fuzz
 8. rights on every command, revocation: test_others_mailboxes, tests/sharing/test_every_right;
    credentials that are taken back: tests/auth/test_live_sessions
 9. existence oracles: test_others_mailboxes (to the last octet, for every command that names a mailbox); by the work
    done: tests/sharing/test_equal_work
10. paths, mUTF-7, injected responses: test_names
11. COMPRESS bombs: tests/imap/test_compress; attachments: tests/extract
12. slow and deaf clients: test_before_login (slow loris, a stranger that never reads), test_after_login,
    tests/net/test_timeouts
13. spraying: test_login_attack; by hand `python -m tests.abuse.attack`
"""
