require ["editheader", "fileinto"];
deleteheader :index 1 "X-Hello";
deleteheader :index 2 "X-Hello";
if header :is "X-Hello" ["one", "three"] { fileinto "wrong"; }
addheader "X-Flavor" "vanilla";
deleteheader "Received";
if exists "Received" { fileinto "received stays"; }
if header "X-Flavor" "vanilla" { keep; }
