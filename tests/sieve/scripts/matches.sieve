# RFC 5228 section 2.7.1: wildcards, and what takes their meaning away.
require "fileinto";
if header :matches "Subject" "[acme-*] ?fwd? version ?.? is ou?" { fileinto "matched"; }
if header :matches "Subject" "\\[acme" { fileinto "wrong"; }
if header :matches "From" "*\\*" { fileinto "wrong"; }
if header :matches "X-Spam-Score" "??" { fileinto "two characters"; }
if header :is :comparator "i;octet" "subject" "[ACME-USERS] [fwd] version 1.0 is out" { fileinto "wrong"; }
if header :is "subject" "[ACME-USERS] [FWD] version 1.0 is out" { fileinto "any case"; }
