#!/bin/sh
# Style, manuals, scripts, and which part may use which.
#
#   lint.sh BUILD
set -u

cd "$(dirname "$0")/.." || exit 2
build=$1
processes=$(find weaved -mindepth 1 -maxdepth 1 -type d -printf '%f ')
failed=0

wrong() {
	echo "$*"
	failed=1
}

sources() {
	find "$@" -name '*.[ch]' | sort
}

# Fails if a file of the first argument includes what the pattern matches.
refuse_include() {
	for file in $1; do
		found=$(grep -nE "^#[[:space:]]*include[[:space:]]*[<\"]($2)" \
		    "$file") && wrong "$file: $3: $found"
	done
}

check_includes() {
	refuse_include "$(sources common)" 'weaved/|weavectl/|weave-net/' \
	    "common uses what is not common"
	refuse_include "$(sources weavectl)" 'weaved/|weave-net/' \
	    "weavectl sees the inside of others"
	refuse_include "$(sources weave-net)" 'weaved/|weavectl/' \
	    "weave-net sees the inside of others"
	for process in $processes; do
		others=$(echo "$processes" | tr ' ' '\n' |
		    grep -vx "$process" | grep . | paste -sd '|')
		refuse_include "$(sources "weaved/$process")" \
		    "weaved/($others)/|(\.\./)+($others)/" \
		    "uses another process"
	done
	# Below the head of the engine there are bytes and a clock, no events
	# and no pipes.
	refuse_include "$(sources weaved/engine/mesh weaved/engine/overlay)" \
	    'event|common/imsg\.h|weaved/[a-z_]*\.h|weaved/engine/[a-z_]*\.h' \
	    "a layer uses what belongs to the process"
}

# Symbols that the objects below a directory need (U) or define.
needs() {
	find "$@" -name '*.o' -exec nm -u {} + | sed -n 's/^ *U //p' | sort -u
}

defines() {
	find "$@" -name '*.o' -exec nm -g --defined-only {} + |
	    sed -n 's/^[0-9a-f]* [A-Z] //p' | grep -vx main | sort -u
}

# The objects of one part may need nothing that another part defines.
refuse_link() {
	from=$1
	shift
	needs "$from" >"$build/lint.needs"
	defines "$@" >"$build/lint.defines"
	for symbol in $(comm -12 "$build/lint.needs" "$build/lint.defines"); do
		wrong "$from needs $symbol of $*"
	done
	rm -f "$build/lint.needs" "$build/lint.defines"
}

check_links() {
	for process in $processes; do
		for other in $processes; do
			[ "$process" = "$other" ] || refuse_link \
			    "$build/obj/weaved/$process" \
			    "$build/obj/weaved/$other"
		done
	done
	refuse_link "$build/obj/weavectl" "$build/obj/weaved" \
	    "$build/obj/weave-net"
	refuse_link "$build/obj/weave-net" "$build/obj/weaved" \
	    "$build/obj/weavectl"
	refuse_link "$build/obj/common" "$build/obj/weaved" \
	    "$build/obj/weavectl" "$build/obj/weave-net"
}

check_includes
check_links

# shellcheck disable=SC2046 # lists of words
{
	clang-format --dry-run -Werror \
	    $(sources common weaved weavectl weave-net regress) || failed=1
	find man ./*.5 -name '*.[58]' -exec mandoc -Tlint {} + ||
	    failed=1
	shellcheck .ci/run etc/*.init $(find etc regress -name '*.sh' \
	    -not -name '*_test.sh') || failed=1
	# ATF's shell reads the test programs.
	shellcheck --shell=sh --exclude=SC2034 \
	    $(find regress -name '*_test.sh') /dev/null || failed=1
}
exit $failed
