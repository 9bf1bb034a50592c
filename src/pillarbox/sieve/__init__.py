"""The Sieve language (RFC 5228): scripts that say where arriving mail goes. No input or output here.

Must never: store, send or read anything; know where scripts are kept, or who runs them.
"""
