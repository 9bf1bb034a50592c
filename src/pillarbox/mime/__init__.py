"""One message's bytes: where its parts are, what IMAP says of them, and the text in them.

Must never: raise on any bytes, change a message, recurse as deep as a message nests, or know a store or a socket.
"""
