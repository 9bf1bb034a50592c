require ["relational", "comparator-i;ascii-numeric", "fileinto"];
if header :value "ge" :comparator "i;ascii-numeric" "X-Spam-Score" "9" { fileinto "Junk"; }
if header :value "ge" "X-Spam-Score" "9" { fileinto "wrong"; }
if address :count "eq" :comparator "i;ascii-numeric" ["To", "Cc"] "3" { fileinto "three"; }
if header :count "gt" :comparator "i;ascii-numeric" "X-Hello" "2" { fileinto "hellos"; }
