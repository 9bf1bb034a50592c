# RFC 5228: keep is what happens when nothing else does; tests, parts of addresses, sizes.
require "fileinto";
if not exists ["From", "Message-ID"] { discard; }
elsif allof (address :domain :is "from" "DESERT.example.org", header :contains ["Cc", "Subject"] "acme") {
    fileinto "desert";
    if size :over 100 { fileinto "large"; }
    if anyof (size :over 1K, false) { fileinto "huge"; stop; }
}
else { keep; }
