#!/bin/sh
# Installs the build in NARU_BUILD_DIR under a scratch prefix and builds tests/packaging/example against it four ways.
# Nothing of the source tree is on any path while it does.
set -eu
build=${NARU_BUILD_DIR:?the build to install}
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/^#define NARU_VERSION "\(.*\)"$/\1/p' "$here/../../include/naru/version.h")
compiler=${NARU_CC:-cc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
prefix=$scratch/prefix

fail() {
    echo "packaging: $*" >&2
    exit 1
}

# The program prints its version; `linked` or `alone` says whether it may need libnaru.so.0 to start.
check() {
    said=$(LD_LIBRARY_PATH=$libdir "$1")
    [ "$said" = "naru $version" ] || fail "$1 printed '$said', not 'naru $version'"
    needs=$(readelf -d "$1" | grep -c 'NEEDED.*\[libnaru\.so\.0\]' || true)
    case $2 in
    linked) [ "$needs" = 1 ] || fail "$1 does not need libnaru.so.0" ;;
    alone) [ "$needs" = 0 ] || fail "$1 is meant to be static and needs libnaru.so.0" ;;
    esac
    echo "packaging: $(basename "$1") runs"
}

cmake --install "$build" --prefix "$prefix" >"$scratch/install.log" || fail "$(cat "$scratch/install.log")"
libdir=$(dirname "$(find "$prefix" -name libnaru.a)")
[ "$(cd "$libdir" && readelf -d libnaru.so | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')" = libnaru.so.0 ] ||
    fail "the SONAME is not libnaru.so.0"
[ -e "$libdir/libnaru_dry.a" ] && fail "libnaru_dry.a is installed"
strangers=$(find "$prefix/include" -type f ! -path "$prefix/include/naru/*.h")
[ -z "$strangers" ] || fail "installed beside the public headers: $strangers"

[ "$("$prefix/bin/naru" --version)" = "naru $version" ] || fail "the installed naru does not say version $version"

export PKG_CONFIG_PATH="$libdir/pkgconfig"
# The file was configured for another prefix; --define-prefix takes the one that it stands in.
pc() { pkg-config --define-prefix "$@"; }
[ "$(pc --modversion naru)" = "$version" ] || fail "pkg-config says version $(pc --modversion naru)"
# shellcheck disable=SC2046 # words are what is wanted
"$compiler" "$here/example/main.c" -o "$scratch/pkg-config-shared" $(pc --cflags --libs naru)
check "$scratch/pkg-config-shared" linked
# shellcheck disable=SC2046
"$compiler" "$here/example/main.c" -o "$scratch/pkg-config-static" $(pc --cflags naru) \
    $(pc --static --libs naru | sed 's/-lnaru\b/-l:libnaru.a/')
check "$scratch/pkg-config-static" alone

for way in naru:linked static:alone; do
    target=${way%:*}
    cmake -S "$here/example" -B "$scratch/$target" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$compiler" -DNARU_TARGET="naru::$target" >"$scratch/$target.log" 2>&1 &&
        cmake --build "$scratch/$target" >>"$scratch/$target.log" 2>&1 || fail "$(cat "$scratch/$target.log")"
    mv "$scratch/$target/stranger" "$scratch/cmake-$target"
    check "$scratch/cmake-$target" "${way#*:}"
done
