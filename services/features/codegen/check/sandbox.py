"""The shell script that builds the sandbox, as the first process of new user, network, mount and process namespaces.

`sh -c SCRIPT sandbox ROOT SOURCE DISK_BYTES TOOLS... -- COMMAND...`. The command sees /usr and the tools, read-only,
and its own copy of SOURCE as /work; it has no network, and no capability to undo any of this.
"""

NOT_BUILT = 96  # the script's status when the sandbox could not be built; then the command was not started

SCRIPT = r"""
set -eu
fail() { echo "sandbox: $1" >&2; exit 96; }
root=$1 source=$2 disk=$3
shift 3

mount -t tmpfs -o "size=$disk,mode=755" tmpfs "$root" || fail "no tmpfs"
mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root/tmp" "$root/work" "$root/etc" || fail "no folders"
show() {
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1" && mount -o remount,bind,ro "$root$1" || fail "cannot show $1"
}
show /usr
for name in bin sbin lib lib32 lib64; do
    if [ -L "/$name" ]; then ln -s "$(readlink "/$name")" "$root/$name"; elif [ -d "/$name" ]; then show "/$name"; fi
done
while [ "$1" != "--" ]; do show "$1"; shift; done
shift
for name in null zero urandom; do
    touch "$root/dev/$name" && mount --bind "/dev/$name" "$root/dev/$name" || fail "no /dev/$name"
done
mount -t proc proc "$root/proc" 2>/dev/null || true # some hosts refuse it; few commands need it
cp -R "$source/." "$root/work" || fail "no room for the repository"
cd "$root/work" || fail "no /work"
exec chroot "$root" /usr/bin/setpriv --no-new-privs --inh-caps=-all --bounding-set=-all -- \
    /usr/bin/env -C /work "$@"
"""
