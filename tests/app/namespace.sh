# In namespaces of its own: a user `pillarbox`, loopback, and Python where everybody can read it; then runs "$@".
# READABLE: folders that everybody must be able to read. READ_ONLY: when set, all else but /mnt/data is read-only.
set -eu
ip link set lo up
hold=/mnt
mount -t tmpfs -o mode=755 tmpfs $hold
{ cat /etc/passwd; echo 'pillarbox:x:4993:4993::/nonexistent:/usr/sbin/nologin'; } >$hold/passwd
{ cat /etc/group; echo 'pillarbox:x:4993:'; echo 'postbox:x:4994:'; } >$hold/group
chmod 644 $hold/passwd $hold/group
mount --bind $hold/passwd /etc/passwd
mount --bind $hold/group /etc/group
for path in $READABLE; do
    mkdir -p "$hold$path"
    mount --bind "$path" "$hold$path"
done
mount -t tmpfs -o mode=755 tmpfs /var/lib
[ -z "${READ_ONLY:-}" ] || mount -t tmpfs -o mode=1777 tmpfs /tmp
# A folder above Python may be closed to others, such as /root: an open one takes its place, with nothing else in it.
for path in $READABLE; do
    above=$path
    while [ "$above" != / ]; do
        above=$(dirname "$above")
        if [ -d "$above" ]; then
            case $(stat -c %A "$above") in
                *x | *t) ;;
                *) mount -t tmpfs -o mode=755 tmpfs "$above" ;;
            esac
        fi
    done
done
for path in $READABLE; do
    mkdir -p "$path"
    mount --bind "$hold$path" "$path"
done
if [ -n "${READ_ONLY:-}" ]; then
    mkdir -m 700 $hold/data
    mount -t tmpfs -o mode=700,uid=4993,gid=4993 tmpfs $hold/data
    echo 993 >/proc/sys/net/ipv4/ip_unprivileged_port_start # as container engines do
    awk '{ print $5 }' /proc/self/mountinfo | grep -v -e '^/tmp$' -e '^/mnt/data$' -e '^/proc' | while read -r place; do
        mount -o remount,bind,ro "$place" 2>/dev/null || true
    done
fi
exec "$@"
