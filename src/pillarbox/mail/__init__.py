"""Words that every room shares: ids, flags, UID sets, names, errors. Knows no protocol and no store."""
