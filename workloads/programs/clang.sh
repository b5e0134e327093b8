#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: clang -O2 compiles what gcc.sh compiles
# needs: clang awk cksum
# tier: nightly
export COMPILER=clang
. "$(dirname "$0")/gcc.sh"
