"""ManageSieve (RFC 5804): people's mail programs look at and change their Sieve scripts. No sockets here."""
