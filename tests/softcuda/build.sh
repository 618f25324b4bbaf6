#!/bin/sh
# Builds the software CUDA driver with the kernels in it, and prints the folder of libcuda.so.1.
#
#   tests/softcuda/build.sh CACHE [OUT]
#
# Objects and libraries are kept in CACHE under a hash of everything that went into them, so
# that only what has changed is compiled again and nothing that is in use is overwritten.
# With OUT the library is copied there too. CXX chooses the compiler: g++ or clang++.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1/obj"
cache=$(cd "$1" && pwd)

cxx=${CXX:-}
for candidate in g++ clang++ c++; do
  [ -n "$cxx" ] || ! command -v $candidate >/dev/null 2>&1 || cxx=$candidate
done
[ -n "$cxx" ] || { echo "softcuda: no C++ compiler" >&2; exit 3; }

# Contraction would round a*b+c once where the PTX rounds twice. Kernels look at the same memory
# through several types. The processor's own instructions make fma fast; they change no result.
native=-march=native
echo 'int x;' | $cxx $native -x c++ -fsyntax-only - 2>/dev/null || native=
flags="-std=c++17 -O2 -g1 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -Wall -Wextra -I$here/include -I$here/src"
kernel_flags="$flags -O3 $native -DSOFTCUDA -fno-strict-aliasing -fwrapv -x c++"

sources=$(ls "$here"/src/*.cpp "$here"/testdata/*.cu "$root"/cuda/kernels/*.cu "$root"/cuda/driver/testdata/*.cu 2>/dev/null || true)
headers=$(ls "$here"/include/*.h "$here"/src/*.h "$root"/cuda/kernels/*.h "$root"/cuda/kernels/*.cuh 2>/dev/null || true)
common=$({ $cxx --version; echo "$kernel_flags"; cat $headers; } | sha256sum | cut -c1-16)

# One line for each source: object, flags, source. Two compilers at a time.
plan=$(sha256sum $sources | while read -r hash source; do
  object=$cache/obj/$(basename "$source")-$common-$(echo "$hash" | cut -c1-16).o
  case $source in *.cu) echo "$object $kernel_flags $source" ;; *) echo "$object $flags $source" ;; esac
done)
echo "$plan" | while read -r object rest; do [ -e "$object" ] || echo "$object $rest"; done |
  xargs -r -P 2 -L 1 sh -c 'object=$1; shift; '"$cxx"' "$@" -c -o "$object.$$" && mv "$object.$$" "$object"' sh >&2

objects=$(echo "$plan" | cut -d' ' -f1)
folder=$cache/$(echo "$objects" | sha256sum | cut -c1-16)
if [ ! -e "$folder/libcuda.so.1" ]; then
  mkdir -p "$folder"
  $cxx -shared -Wl,-soname,libcuda.so.1 -Wl,-z,defs -Wl,-z,nodelete -o "$folder/new.$$" $objects -lpthread -ldl >&2
  mv "$folder/new.$$" "$folder/libcuda.so.1"
fi
# What was not used for a week goes.
touch "$folder" "$folder/libcuda.so.1" $objects
find "$cache" -mindepth 1 -maxdepth 2 -mtime +7 ! -name lock -exec rm -rf {} + 2>/dev/null || true
if [ $# -gt 1 ]; then
  mkdir -p "$2"
  cp "$folder/libcuda.so.1" "$2/libcuda.so.1.$$" && mv "$2/libcuda.so.1.$$" "$2/libcuda.so.1"
fi
echo "$folder"
