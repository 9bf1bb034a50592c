"""The commands and tests of Sieve, one file for each extension or family of them.

Must never: import one another, but for arguments.py.
"""
