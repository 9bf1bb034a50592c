require ["body", "fileinto"];
if body :raw :contains "R3LDvMOfZSwgSGVsbG8K" { fileinto "as it stands"; }
if body :contains "grüße, hello" { fileinto "decoded"; }
if body :text :contains "Bold words" { fileinto "html as seen"; }
if body :content "text/html" :contains "<b>" { fileinto "html as sent"; }
if body :content "multipart" :contains "nested multi-part" { fileinto "around parts"; }
if body :content "multipart" :contains "Hello" { fileinto "wrong"; }
if body :content "message/rfc822" :contains "hello request" { fileinto "inner header"; }
if body :content "/text" :contains "" { fileinto "wrong"; }
if body :contains "make money fast" { fileinto "Junk"; }
