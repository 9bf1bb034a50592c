"""The prober: looks at a mail server from outside, as a stranger's mail program would, and says what it found.

It is independent of the server rooms and checks any server. Every step is bounded in time and in bytes: the other
side may hang, reset, talk without end or lie.

Must never: change anything on the other side, try passwords, send a password over a connection whose certificate it
could not verify, or show bytes from the network that would steer a terminal.
"""
