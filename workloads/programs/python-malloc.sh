#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The ouro authors
#
# about: the work of python.sh, every object from malloc instead of Python's own arenas
# needs: python3
# tier: fast
case $1 in
work) PYTHONMALLOC=malloc PYTHONHASHSEED=0 python3 -S script.py ;;
*) . "$(dirname "$0")/python.sh" ;;
esac
