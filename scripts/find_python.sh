#!/bin/sh
# Prints the path of a Python that AutoForge runs on, or says in one sentence what was found instead.
#
#   sh scripts/find_python.sh [PYTHON]
#
# PYTHON is a name or path that must be taken; without it the usual names are tried. A name counts
# only if it really runs: a version manager leaves names behind that start nothing. One that can
# also make virtual environments (Debian splits that off) stands before one that cannot.
set -u

probe='import sys
try:
    import ensurepip, venv; parts = "whole"
except ImportError:
    parts = "bare"
print("%d.%d.%d %s %s" % (sys.version_info[:3] + (parts, sys.executable)))
sys.exit(sys.version_info[:2] < (3, 11))'

found=""
bare=""

try() { # name → prints the path and ends the script if it is good
    command -v "$1" >/dev/null 2>&1 || return 0
    answer=$("$1" -c "$probe" 2>/dev/null)
    status=$?
    case $answer in
        [0-9]*) ;;
        *) return 0 ;; # it does not run
    esac
    version=${answer%% *}
    rest=${answer#* }
    if [ "$status" -ne 0 ]; then
        found="$found${found:+, }$1 is $version"
    elif [ "${rest%% *}" = whole ]; then
        printf '%s\n' "${rest#* }"
        exit 0
    elif [ -z "$bare" ]; then
        bare=${rest#* }
    fi
}

wanted=${1:-}
if [ -n "$wanted" ]; then
    try "$wanted"
else
    for name in python3 python3.13 python3.12 python3.11 python3.14 python; do
        try "$name"
    done
fi
if [ -n "$bare" ]; then
    printf '%s\n' "$bare" # bootstrap.py names the package that is missing
    exit 0
fi

if [ -n "$wanted" ]; then
    found=${found:-"$wanted does not work"}
    hint="Specify another one, for example: make run PYTHON=/path/to/python3.11"
else
    found=${found:-"no working Python was found on PATH"}
    hint="Install one, or specify it: make run PYTHON=/path/to/python3.11"
fi
printf 'AutoForge needs Python 3.11 or newer, but %s. %s\n' "$found" "$hint" >&2
exit 1
