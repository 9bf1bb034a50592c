require ["mailbox", "fileinto"];
if mailboxexists ["inbox", "Lists"] { fileinto "Lists"; }
if mailboxexists ["Lists", "Nowhere"] { fileinto "wrong"; }
fileinto :create "New/one";
