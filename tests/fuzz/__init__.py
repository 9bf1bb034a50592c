"""Broken, mutilated and hostile input: never a crash, never a bug, never an illegal answer, never unbounded memory.

`python -m tests.fuzz TARGET --runs N --seed S [--guided]` fuzzes for as long as it is asked to; test_targets makes a
short run of the same. Last runs by hand, 23 November 2026, all without a find at the end:

| target | at random (seed 7, or 9) | guided by coverage (seed 7, or 8) |
|---|---|---|
| sasl | 200,000 | 500,000 |
| scram | 200,000 | 500,000 and 300,000 |
| framer | 200,000 (9) | 300,000 (8) |
| ldap | 200,000 and 200,000 | 200,000 |
| mime | 200,000 | 200,000 |

What they found on the way is in corpus/: one mistake of the server's (a BYE without a text, in pieces), and places
where the targets asked for more than is promised.
"""
