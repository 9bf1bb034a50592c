# RFC 5228 section 2.10.3: one copy in each place; with flags, the last wins (RFC 5232 section 3).
require ["fileinto", "imap4flags"];
fileinto :flags "A" "Lists";
keep;
fileinto :flags "B" "Lists";
fileinto "INBOX";
