r"""Conversations that a mail person can read (*.imap), played in memory and over TLS.

A file:

    # RFC 9051 section 6.4.8: what this is about; every file begins with such a line
    Given mailbox Archive \Archive           made by the runner before anything else, over IMAP
    Given subscription Archive
    Given message INBOX (\Seen) "17-Jul-1996 02:44:25 -0700"
    | Subject: the message                   flags and date may be left out, the lines too
    |
    | and its text
    Given person smith                       somebody else with an account; ${smith} is the login name
    Given B logged in as smith
    Given A selected INBOX                   or: logged in, examined INBOX, enabled CONDSTORE (in this order)

    A C: a1 NOOP                             A, B ... are sessions; without a letter there is one
    A S: a1 OK …
    A C: a2 APPEND INBOX {}                  {} counts the literal's lines; {+} and ~{} too
    A S: + …
    A C| Subject: x                          each line of the literal ends in CRLF
    A C|
    A C:                                     what comes after the literal: here nothing
    A S: a2 OK [APPENDUID ${validity} ${uid}] …
    A S: * 1 FETCH (BODY[] {}                a literal of the server, whether it sends it so or quoted
    A S| Subject: x
    A S: )

Commands without a server line between them are sent in one go (pipelined). A command line without CRLF ends in `\-`.
In server lines:

    …            anything; in a list: further members, and at the end of a status line: code and text
    ${name}      a value: remembered when first met, the same from then on; usable in client lines
    NO/BAD       either
    S~ ...       neighbouring lines of this kind may come in any order
    S? ...       may come or not (S~? both); a line that must come follows
    S: (closed)  the server closes the connection

What the RFCs leave open does not matter: the order of FETCH items, flags, attributes, STATUS items and numbers,
and whether a string is quoted, a literal or, for a mailbox name, an atom. All else does. Ready-made variables: user,
password, other (a wrong password), plain, base64 user, base64 password, ago N seconds (a date-time), url user and, for
each person, url NAME (percent-encoded). `* OK [URLMECH INTERNAL]` is passed over where a transcript doesn't name it.
"""
