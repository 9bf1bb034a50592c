require ["index", "fileinto"];
if header :index 1 :last "X-Hello" "three" { fileinto "last"; }
if header :index 2 "X-Hello" "two" { fileinto "second"; }
if header :index 4 :contains "X-Hello" "" { fileinto "wrong"; }
