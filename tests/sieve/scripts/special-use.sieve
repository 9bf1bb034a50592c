require ["special-use", "fileinto", "mailbox"];
if specialuse_exists "\\Junk" { fileinto :specialuse "\\junk" :create "Spam"; }
if specialuse_exists "Lists" "\\Junk" { fileinto "wrong"; }
if specialuse_exists ["\\Junk", "\\Archive"] { fileinto "wrong"; }
