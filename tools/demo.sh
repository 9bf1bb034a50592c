#!/bin/sh
# A demo server on loopback with one account and the sample mail. Everything is in ./demo-data; remove that to begin anew.
set -eu
cd "$(dirname "$0")/.."
umask 077

port=$1
data=$PWD/demo-data
pillarbox=.venv/bin/pillarbox
user=demo

mkdir -p "$data"
if [ ! -s "$data/password.txt" ]; then
    .venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(9))' >"$data/password.txt"
fi
if [ ! -f "$data/.ready" ]; then
    $pillarbox user remove $user --yes --data "$data" >/dev/null 2>&1 || true # what an interrupted first run left
    $pillarbox user add $user --password-stdin --data "$data" <"$data/password.txt" >/dev/null
    $pillarbox import samples --user $user --data "$data"
    touch "$data/.ready"
fi
password=$(cat "$data/password.txt")
ca=$data/certificates/authority.crt

cat >"$data/neomuttrc" <<RC
set certificate_file="$ca"
set imap_user="$user"
set imap_pass="$password"
set folder="imaps://localhost:$port/"
set spoolfile="+INBOX"
set imap_check_subscribed
set record="+Sent"
set postponed=""
set ssl_force_tls
ignore *
unignore from to cc date subject
RC

cat <<TEXT

Pillarbox serves sample mail on this machine only. Ctrl-C stops it; remove demo-data to begin anew.

  server    localhost, port $port, SSL/TLS from the first byte (not STARTTLS)
  user      $user
  password  $password
  trust     $ca   (made at the first start)

  curl      curl --cacert '$ca' --user '$user:$password' 'imaps://localhost:$port/INBOX?ALL'
            curl --cacert '$ca' --user '$user:$password' 'imaps://localhost:$port/INBOX;MAILINDEX=1'
  neomutt   neomutt -n -F '$data/neomuttrc'      (mutt reads the same file)

TEXT
exec $pillarbox serve --listen "127.0.0.1:$port" --data "$data"
