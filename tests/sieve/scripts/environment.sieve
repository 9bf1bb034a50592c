require ["environment", "fileinto"];
if environment "location" "MDA" { fileinto "delivered"; }
if environment :contains "no-such-item" "" { fileinto "wrong"; }
