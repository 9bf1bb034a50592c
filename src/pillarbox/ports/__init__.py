"""The well-known ports that people meet: what they are for, what to watch out for, how to try them. Works offline.

Facts from the IANA Service Name and Transport Protocol Port Number Registry and the RFCs named, in our own words.

Must never: open a socket, or name a service in another way than IANA without saying so.
"""
