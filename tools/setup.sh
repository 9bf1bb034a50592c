#!/bin/sh
# Makes .venv with Pillarbox and its test tools in it, at the versions of constraints.txt.
# Needs Python 3.11 or later with pip; works without Debian's python3-venv. Run by the Makefile when something changed.
set -eu
cd "$(dirname "$0")/.."

python=""
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "setup: Python 3.11 or later is needed and was not found (on Debian: apt-get install python3 python3-pip)." >&2
    exit 1
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "setup: $python has no pip (on Debian: apt-get install python3-pip)." >&2
    exit 1
fi

if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv --without-pip .venv
fi
echo "setup: installing into .venv ..." >&2
"$python" -m pip --python .venv/bin/python install -qq --disable-pip-version-check --no-input \
    --constraint constraints.txt --editable '.[test]'
