"""The steps of a check: each looks at one side of the server and returns findings.

Must never: let Trouble out that a finding can tell.
"""
