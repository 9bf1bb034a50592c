"""How IMAP looks on the wire: framing, reading and writing of the grammar's words. No meaning, no state."""
