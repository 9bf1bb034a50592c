"""Accounts whose passwords an LDAP directory judges (RFC 4511): a client that can bind, search and start TLS, no more.

Must never: send a password over a wire that strangers can read; follow a referral; build a filter or a DN by joining
text.
"""
