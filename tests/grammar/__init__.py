"""A strict grammar of all that an IMAP server may send, written from the RFCs and not from our code.

`parse_response(raw, dialect)` gives a typed value (tests/grammar/tree.py) or raises GrammarError;
`ResponseSplitter` cuts a stream into responses. Nothing here imports Pillarbox.
"""

from tests.grammar.reader import Dialect, GrammarError
from tests.grammar.response import ResponseSplitter, parse_greeting, parse_response

__all__ = ["Dialect", "GrammarError", "ResponseSplitter", "parse_greeting", "parse_response"]
