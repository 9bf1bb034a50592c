require ["date", "relational", "fileinto", "index", "variables"];
if date :originalzone "date" "hour" "09" { fileinto "nine"; }
if date :zone "-0500" "date" "iso8601" "2026-06-01T02:59:00-05:00" { fileinto "iso"; }
if date :index 2 :zone "+0000" "received" "time" "07:59:00" { fileinto "second received"; }
if date :is :zone "+0000" "date" "weekday" "1" { fileinto "monday"; }
if date "date" "julian" "61192" { fileinto "julian"; }
if date "x-spam-score" "year" "2026" { fileinto "wrong"; }
if currentdate :matches "date" "*" { fileinto "today ${1}"; }
if currentdate :value "ge" "date" "2026-07-01" { fileinto "july"; }
