# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# build.sh: sourced by bench and test. build PRESET [TARGET...] configures and builds one CMake
# preset; output goes to a log that is shown only when something fails. Needs $root.
# shellcheck shell=sh disable=SC2154

# Debian's compiler and tools come first: a pyenv, conda or brew on PATH must not lend theirs.
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin:$PATH
export PATH

ouro_jobs() {
    jobs=$(nproc 2>/dev/null || echo 1)
    # A parallel compile of sanitizer builds takes up to 1 GiB a job.
    memory_gib=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo 2>/dev/null)
    [ "${memory_gib:-1}" -ge "$jobs" ] || jobs=${memory_gib:-1}
    [ "$jobs" -ge 1 ] || jobs=1
    echo "$jobs"
}

build() {
    preset=$1
    shift
    log=$root/build/$preset.log
    mkdir -p "$root/build"
    printf '%s: building %s ... ' "${0##*/}" "$preset" >&2
    start=$(date +%s)
    if (cd "$root" && cmake --preset "$preset" &&
        cmake --build --preset "$preset" -j "$(ouro_jobs)" ${1:+--target "$@"}) \
        >"$log" 2>&1; then
        echo "done in $(($(date +%s) - start)) s" >&2
        return 0
    fi
    echo "FAILED; the end of $log:" >&2
    tail -n 40 "$log" >&2
    return 1
}
