# RFC 2047 words are decoded; RFC 5228 section 2.4.2.4 writes any character.
require ["fileinto", "encoded-character", "comparator-i;unicode-casemap"];
if header :contains "subject" "${unicode:47}rü${hex: c3 9f}e" { fileinto "greeting"; }
if header :contains :comparator "i;unicode-casemap" "subject" "GRÜSSE AUS KÖLN" { fileinto "folded"; }
