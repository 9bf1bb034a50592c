# In namespaces of its own: a user `pillarbox`, loopback, and Python where everybody can read it; then runs "$@".
# READABLE: folders that everybody must be able to read.
set -eu
ip link set lo up
hold=/mnt
mount -t tmpfs -o mode=755 tmpfs $hold
{ cat /etc/passwd; echo 'pillarbox:x:4993:4993::/nonexistent:/usr/sbin/nologin'; } >$hold/passwd
{ cat /etc/group; echo 'pillarbox:x:4993:'; echo 'postbox:x:4994:'; } >$hold/group
chmod 644 $hold/passwd $hold/group
mount --bind $hold/passwd /etc/passwd
mount --bind $hold/group /etc/group
# A folder above Python may be closed to others, such as /root: an open one takes its place, with nothing else in it.
for path in $READABLE; do
    mkdir -p "$hold$path"
    mount --bind "$path" "$hold$path"
done
for path in $READABLE; do
    above=$path
    while [ "$above" != / ]; do
        above=$(dirname "$above")
        case $(stat -c %A "$above") in
            *x | *t) ;;
            *) mount -t tmpfs -o mode=755 tmpfs "$above" ;;
        esac
    done
done
for path in $READABLE; do
    mkdir -p "$path"
    mount --bind "$hold$path" "$path"
done
exec "$@"
