require ["imap4flags", "fileinto", "variables", "relational", "comparator-i;ascii-numeric"];
addflag ["\\flagged", "$Label1 $label2"];
removeflag "$LABEL1";
addflag "\\Recent wrong(flag";
if hasflag :is "b $label2" { fileinto "labelled"; }
setflag "mine" ["\\Seen", "A A B"];
if hasflag :count "eq" :comparator "i;ascii-numeric" "mine" "3" { fileinto :flags "${mine}" "counted"; }
if hasflag :contains "mine" "een" { keep :flags ""; }
