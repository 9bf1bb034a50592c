"""Real mail clients over verified TLS against a real server process, as people run them.

Each test names the client and asserts on outcomes: bytes, flags, UIDs. A client that is not installed fails its tests
with one line that says what to install.

`INTEROP_SERVER=dovecot` runs the same tests against Dovecot, to tell a wrong test from a wrong server;
`INTEROP_WORKERS=2` runs Pillarbox with several processes; `INTEROP_WIRE_LOG=FOLDER` keeps every conversation as text.
"""
