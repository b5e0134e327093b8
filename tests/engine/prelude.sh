# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# What the scripts of this folder begin with: a scratch folder, failures counted, fields of a
# record. Sourced before the first cd; the program's output is expected in `out` and `err`.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0

fail()
{
    failed=$((failed + 1))
    echo "FAILED $*"
    [ ! -f err ] || cat err
}

# field KEY: of the record in out.
field()
{
    sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" out
}

# same NAME A B
same()
{
    [ -n "$2" ] && [ "$2" = "$3" ] || fail "$1: '$2' and '$3'"
}

# phases PHASE...: a file of them, in object form.
phases()
{
    printf 'name: t\nforms:\n  - form: object\n    phases:\n' >w.yaml
    for phase in "$@"; do
        echo "      - {$phase}" >>w.yaml
    done
}

# small FILE: the workload with rings and windows of a fiftieth, as w.yaml.
small()
{
    sed 's/cycle: 1M/cycle: 20k/; s/window: 10M/window: 200k/; s/window: 1M/window: 20k/' \
        "$1" >w.yaml
}
