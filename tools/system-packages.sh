#!/bin/sh
# Installs the Debian packages whose commands are missing, named in a file of lines "COMMAND PACKAGE"
# (or "LIBRARY.so PACKAGE").
# As root with apt-get it installs them; otherwise it says in one line what to install, and fails.
set -eu
PATH=$PATH:/usr/sbin:/sbin

missing=""
while read -r command package; do
    case $command in '' | '#'*) continue ;; esac
    case $command in
    *.so) found() { ls /usr/lib/*/"$1"; } ;;
    *) found() { command -v "$1"; } ;;
    esac
    found "$command" >/dev/null 2>&1 || missing="$missing $package"
done <"$1"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need these programs; install them with: sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing$missing ..." >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
