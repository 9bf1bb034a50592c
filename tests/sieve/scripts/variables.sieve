# RFC 5229: match variables are short, and last until the next match.
require ["variables", "fileinto"];
if header :matches "Subject" "[*] *" {
    set :upperfirst :lower "name" "${1}";
    fileinto "${NAME}";
    fileinto "rest ${2}";
}
if address :matches ["To", "Cc"] ["coyote@**.com", "sales@**.com"] { fileinto "business ${1}${2} ${0}"; }
set :length "n" "${name}"; fileinto "length ${n}";
set :quotewildcard "q" "Rock*";
if string :matches "Rock*" "${q}" { fileinto "quoted"; }
if string :matches "Rocky" "${q}" { fileinto "wrong"; }
fileinto "${unknown}left ${} ${no!}";
