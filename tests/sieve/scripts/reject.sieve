require "reject";
if address "from" "coyote@desert.example.org" {
    reject text:
I am not taking mail from you,
..and I don't want your birdseed, either!
.
;
}
