require ["envelope", "fileinto"];
if envelope :is "from" "" { fileinto "bounces"; }
elsif envelope :domain "to" "acme.example.com" { fileinto "for acme"; }
