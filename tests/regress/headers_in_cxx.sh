#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
# Each public header, alone and twice, is read by C++17 and by strict C99: bit-fields, names or
# extensions that only GNU C knows were easily added, and nothing of the project's own is C++.
#
#   headers_in_cxx.sh INCLUDE_DIRECTORY
#
# Exit 0 all are fine, 1 some are not, 77 no such compiler.
set -u
include=$1
failed=0

for tool in g++ gcc; do
    command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done

# check WHAT HEADER COMMAND...: the program on stdin, which includes the header twice.
check() {
    what=$1 header=$2
    shift 2
    if ! printf '#include "ouro/%s"\n#include "ouro/%s"\nint main(void) { return 0; }\n' \
            "$header" "$header" | "$@" -I"$include" -fsyntax-only -; then
        echo "$include/ouro/$header:1: not $what"
        failed=1
    fi
}

seen=0
for path in "$include"/ouro/*.h; do
    [ -f "$path" ] || continue
    header=${path##*/}
    seen=$((seen + 1))
    check "C++17" "$header" g++ -std=c++17 -Wall -Wextra -Werror -x c++
    check "C99" "$header" gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -x c
done

if [ "$seen" -lt 15 ]; then
    echo "$include/ouro: only $seen headers found"
    failed=1
fi
echo "$seen headers"
exit $failed
