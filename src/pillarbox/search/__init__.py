"""What a query means: search keys as values, and which messages they match. Knows no protocol, store or MIME."""
