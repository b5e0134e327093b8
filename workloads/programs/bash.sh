#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: bash counts, splits, joins and substitutes in arrays and functions
# needs: bash cksum
# tier: fast
case $1 in
prepare)
    cat >script.bash <<'SCRIPT'
set -u
declare -A seen
words=() state=12345
next() { state=$(((state * 1103515245 + 12345) % 2147483648)); }
for ((i = 0; i < 12000; i++)); do
    next
    key=k$((state / 65536 % 997))
    seen[$key]=$((${seen[$key]:-0} + 1))
    words+=("${key}_$i")
done
for key in "${!seen[@]}"; do echo "$key ${seen[$key]}"; done | sort
joined=${words[*]}
for ((i = 0; i < 12; i++)); do joined=${joined//k$i/<$i>}; done
echo "${#joined} ${joined:1000:64}"
while IFS=_ read -r a b; do total=$((${total:-0} + ${#a} + b)); done < <(printf '%s\n' "${words[@]}")
echo "${#words[@]} ${#seen[@]}"
for ((i = 0; i < 60; i++)); do (exit $((i % 7))) || echo "child $i gave $?"; done
SCRIPT
    ;;
work) bash script.bash ;;
esac
