#!/bin/sh
# Boots a throw-away systemd in a container of its own and runs the units of packaging/ in it: start, login, reload,
# watchdog, restart, stop, and whether the audit log is whole. By hand, as root:
#   apt-get install systemd-container && sh tools/systemd-trial.sh
# Nothing of this machine is changed: its files are seen through an overlay that goes away.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${IN_NAMESPACE:-}" ]; then
    for kind in systemd systemd-socket; do
        echo "== packaging/$kind"
        IN_NAMESPACE=yes KIND=$kind unshare --mount sh "$0"
    done
    exit
fi

root=/mnt/root
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work $root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work $root
python=$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p $root/opt/python $root/opt/packages $root/opt/source $root/opt/pillarbox/bin $root/etc/sysusers.d
cat >$root/opt/pillarbox/bin/pillarbox <<'PROGRAM'
#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/source:/opt/packages PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python3 -m pillarbox "$@"
PROGRAM
cat >$root/opt/client.py <<'CLIENT'
import imaplib, ssl
trusted = ssl.create_default_context(cafile="/var/lib/pillarbox/certificates/authority.crt")
client = imaplib.IMAP4_SSL("localhost", 993, ssl_context=trusted, timeout=30)
client.login("alice", "wonderland")
client.append("INBOX", None, None, b"Subject: tea\r\n\r\nAt six.\r\n")
client.select()
print("SEARCH", client.search(None, "TEXT", "six")[1])
CLIENT
cat >$root/opt/trial.sh <<'TRIAL'
pillarbox() { setpriv --reuid=pillarbox --regid=pillarbox --clear-groups /opt/pillarbox/bin/pillarbox "$@" --data /var/lib/pillarbox; }
client() { LD_LIBRARY_PATH=/opt/python/lib timeout 60 /opt/python/bin/python3 /opt/client.py; }
systemd-sysusers
[ ! -e /etc/systemd/system/pillarbox.socket ] || systemctl start pillarbox.socket
systemctl start pillarbox.service; echo "START $?"
grep -E '^(Uid|Groups|Cap|NoNewPrivs|Seccomp):' "/proc/$(systemctl show -p MainPID --value pillarbox.service)/status"
echo wonderland | pillarbox user add alice --password-stdin
client
systemctl reload pillarbox.service; echo "RELOAD $?"
sleep 25 # the watchdog would bite after 9
systemctl is-active pillarbox.service
systemctl restart pillarbox.service; echo "RESTART $?"
client
systemctl stop pillarbox.service; echo "STOP $?"
pillarbox audit verify
journalctl --no-pager --output=cat -u pillarbox.service | grep -E 'Traceback|"level": "error"|not permitted'
TRIAL
chmod 755 $root/opt/pillarbox/bin/pillarbox
chmod -R go+rX $root/opt
cp "packaging/$KIND"/* $root/etc/systemd/system/
sed -i 's/^WatchdogSec=.*/WatchdogSec=9/' $root/etc/systemd/system/pillarbox.service
cp packaging/sysusers.conf $root/etc/sysusers.d/pillarbox.conf
cat >$root/etc/systemd/system/trial.service <<'UNIT'
[Unit]
After=basic.target network.target
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/trial.sh
ExecStopPost=/usr/bin/systemctl poweroff --force --force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TimeoutStartSec=300
UNIT
systemd-nspawn --quiet --register=no --keep-unit --private-network --directory=$root \
    --bind-ro="$python:/opt/python" --bind-ro="$packages:/opt/packages" --bind-ro="$PWD/src:/opt/source" \
    --boot systemd.unit=trial.service </dev/null 2>&1 | grep -avE 'Start|Mount|Reached|Listening|Finished|Created|^$' || true
