"""The text of attachments: PDF, Word (docx) and OpenDocument (odt), read in a process of its own.

Must never: read a file of strangers in the server's process, follow a link, or run a program that a file names.
"""
