#!/bin/sh
# Builds the Debian packages, has lintian look at them, installs them into an empty root, uses what is there, and removes
# them without a trace. Needs no chroot: nothing of the packages runs while they are installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
version=$(sed -n 's/^#define NARU_VERSION "\(.*\)"$/\1/p' "$source/include/naru/version.h")
if [ "$(id -u)" -ne 0 ] && [ -z "${FAKEROOTKEY:-}" ]; then
    exec fakeroot "$0" "$@"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
debs=$source/build/deb
root=$scratch/root

fail() {
    echo "packaging: $*" >&2
    exit 1
}

"$source/packaging/build-deb" "$debs" >"$scratch/built" || fail "build-deb failed"

lintian --allow-root --fail-on error "$debs"/naru_*.changes || fail "lintian finds errors"

mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
# The root has none of what the packages depend on; that it is right is seen below, and by apt where they are installed.
package() {
    dpkg --root="$root" --log=/dev/null --force-depends --force-not-root --force-script-chrootless "$@" \
        >"$scratch/dpkg.log" 2>&1 || fail "dpkg $1: $(cat "$scratch/dpkg.log")"
}
package --install "$debs"/libnaru0_"$version"*.deb "$debs"/libnaru-dev_"$version"*.deb "$debs"/naru_"$version"*.deb
for name in libnaru0 libnaru-dev naru; do
    state=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status}' "$name")
    [ "$state" = installed ] || fail "$name is $state"
done

libdir=$(dirname "$(find "$root/usr/lib" -name libnaru.so.0)")
export LD_LIBRARY_PATH="$libdir"
[ "$("$root/usr/bin/naru" --version)" = "naru $version" ] || fail "the installed naru does not say version $version"
ldd "$root/usr/bin/naru" | grep -q "libnaru.so.0 => $libdir/" || fail "naru does not use the installed library"

export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
export PKG_CONFIG_PATH="$libdir/pkgconfig"
# shellcheck disable=SC2046 # words are what is wanted
cc "$here/example/main.c" -o "$scratch/program" $(pkg-config --cflags --libs naru) || fail "a program does not link"
[ "$("$scratch/program")" = "naru $version" ] || fail "the program does not say version $version"
readelf -d "$scratch/program" | grep -q 'NEEDED.*libnaru\.so\.0' || fail "the program does not need libnaru.so.0"
for example in "$root"/usr/share/doc/libnaru-dev/examples/*.c; do
    case $example in *libuv* | *libevent*) continue ;; esac # those that need somebody else's loop
    # shellcheck disable=SC2046
    cc -std=gnu17 "$example" -o "$scratch/example" $(pkg-config --cflags --libs naru) || fail "$example does not build"
done
[ -x "$scratch/example" ] || fail "no examples are installed"

for topic in "1 naru" "3 libnaru" "3 naru_conn" "3 naru_conn_send"; do
    # shellcheck disable=SC2086
    man -M "$root/usr/share/man" -w $topic >"$scratch/found" || fail "man $topic finds nothing"
done

# Who installs naru gets the library, and who installs the library what it stands on.
needs() {
    dpkg-deb -f "$debs/$1_$version"*.deb Depends | tr ',' '\n' | sed 's/^ *//; s/ .*//' | grep -qx "$2" ||
        fail "$1 does not depend on $2"
}
needs naru libnaru0
needs libnaru-dev libnaru0
for library in libc6 libssl3 zlib1g libc-ares2 libidn2-0; do
    needs libnaru0 "$library"
done

package --purge naru libnaru-dev libnaru0
left=$(find "$root" ! -type d ! -path "$root/var/lib/dpkg/*")
[ -z "$left" ] || fail "left behind: $left"
[ -z "$(find "$root/usr" -type d -name '*naru*' 2>/dev/null)" ] || fail "directories are left behind"
echo "packaging: the Debian packages install, run and go"
