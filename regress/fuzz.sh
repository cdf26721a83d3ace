#!/bin/sh
# Runs every libFuzzer program of a directory for FUZZ_SECONDS, two at a time,
# each on a copy of its corpus. What crashes a target is kept beside it.
#
#   fuzz.sh DIRECTORY
set -u

cd "$(dirname "$0")/.." || exit 2
seconds=${FUZZ_SECONDS:-60}

fuzz() {
	program=$1
	name=$(basename "$program" _fuzz)
	work=$program.work
	rm -rf "$work"
	mkdir -p "$work" || return 1
	cp -r "regress/fuzz/corpus/$name/." "$work" || return 1
	if "$program" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=1024 -artifact_prefix="$program." \
	    -print_final_stats=1 "$work" >"$program.log" 2>&1; then
		echo "$name: $(sed -n \
		    's/^stat::number_of_executed_units: */inputs: /p' \
		    "$program.log")"
		rm -rf "$work"
	else
		tail -n 40 "$program.log"
		echo "$name: failed, see $program.log"
		return 1
	fi
}

if [ $# -eq 2 ]; then
	fuzz "$2"
	exit
fi
find "$1" -name '*_fuzz' -type f | sort | xargs -n 1 -P 2 regress/fuzz.sh "$1"
