#!/bin/sh
# Runs the test programs below BUILD/regress, tells about those that failed or
# were skipped, and ends with the line "N passed, N failed[, N skipped]".
#
#   check.sh BUILD [kyua filter...]
set -u

cd "$(dirname "$0")/.." || exit 2
WEAVED_SRCDIR=$PWD
WEAVED_BUILDDIR=$(realpath "$1") || exit 2
# Listing its cases an ATF program leaks, which a sanitized one would report.
LSAN_OPTIONS=print_suppressions=0:suppressions=$WEAVED_SRCDIR/regress/lsan.supp
export WEAVED_SRCDIR WEAVED_BUILDDIR LSAN_OPTIONS
shift

state=$WEAVED_BUILDDIR/kyua
results=$state/results.db
report() {
	HOME=$state kyua --config=none --logfile="$state/log" report \
	    --results-file="$results" "$@"
}

rm -rf "$state"
mkdir -p "$state" || exit 2
HOME=$state kyua --config=none --logfile="$state/log" \
    --variable=parallelism=2 test --kyuafile=regress/Kyuafile \
    --build-root="$WEAVED_BUILDDIR/regress" --results-file="$results" "$@" |
    grep --line-buffered -v '^Results '
[ -e "$results" ] || exit 1

report --verbose --results-filter=broken,failed |
    sed '/^===> Execution context/,/^===> /{/^===> Execution/d;/^===> /!d}
	/^Metadata:/,/^    timeout = /d
	/^===> Broken tests/,$d
	/^===> Failed tests/,$d'
report --results-filter=skipped | sed -n '/^===> Skipped/,/^===> Summary/{
	/^===> Summary/d;p}'

report --results-filter= | awk '
    /^Test cases:/ {
	total = $3
	gsub(",", "")
	for (i = 5; i < NF; i++)
		count[$(i + 1)] = $i
    }
    END {
	failed = count["broken"] + count["failed"]
	skipped = count["skipped"] + 0
	printf "%d passed, %d failed", total - failed - skipped, failed
	if (skipped)
		printf ", %d skipped", skipped
	printf "\n"
	exit total == 0 || failed > 0
    }'
