"""Whole accounts on the move: copied from any IMAP server (`migrate`), written out for other programs (`export`).

Must never: change the source, bring a message twice, or leave half of something behind without saying so.
"""
