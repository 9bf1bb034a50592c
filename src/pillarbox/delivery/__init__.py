"""A message's way in, other than by IMAP: mail that is brought along from elsewhere.

Must never: change a message beyond its line ends, or lose one without saying so.
"""
