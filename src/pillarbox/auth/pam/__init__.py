"""Accounts whose passwords PAM judges: the machine's own users, or whatever its service file names.

PAM modules block, keep state in the process and sometimes crash, so they run in processes of their own.

Must never: run a PAM module in a process that serves clients.
"""
