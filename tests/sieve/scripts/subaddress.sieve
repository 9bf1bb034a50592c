require ["envelope", "subaddress", "fileinto"];
if envelope :detail "to" "birds" { fileinto "birds"; }
if envelope :user "to" "road" { fileinto "road"; }
if address :detail :is ["To", "Cc"] "" { fileinto "wrong"; }
if address :detail "To" "birds" { fileinto "in the header"; }
