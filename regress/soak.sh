#!/bin/sh
# What takes longer than the suite may: each line of the list below is a test
# program of regress/ and one of its cases, or the tests of several hosts with
# an option for all of them. Without names all of them run; the exit status says
# whether all passed.
#
#   soak.sh BUILD [NAME...]
#
# SOAK_SECONDS (600) is for the cases that go on for a time, SOAK_OPERATIONS
# (100000) for those that count; WEAVER names a real router.
set -u

build=$(realpath "$1") || exit 2
shift
SOAK_SECONDS=${SOAK_SECONDS:-600}
SOAK_OPERATIONS=${SOAK_OPERATIONS:-100000}
WEAVED_SRCDIR=$(realpath "$(dirname "$0")/..")
WEAVED_BUILDDIR=$build
export SOAK_SECONDS SOAK_OPERATIONS WEAVED_SRCDIR WEAVED_BUILDDIR

none='offload-tap=no offload-udp-send=no offload-udp-receive=no coalesce=no'

# name, program, case, what it does; name, "suite", options, what it does
soaks="\
churn	net/soak_test	churn	five nodes under random kills and restarts
stalled-connected	net/attack_test	stalled_connected	2000 connections that say nothing
stalled-header	net/attack_test	stalled_header	2000 that stop after the header
stalled-hello	net/attack_test	stalled_hello	2000 that stop after HELLO
stalled-share	net/attack_test	stalled_share	2000 that stop after their share
stalled-old	net/attack_test	stalled_old	2000 that stop at version 2
rekey	net/rekey_soak_test	none_lost	keys change every second under 50,000 packets a second
rekey-lossy	net/rekey_soak_test	lossy_control	the same with 5 % loss on the control connection
flood	net/flood_test	garbage	garbage at the UDP port beside an honest flow
addresses	net/ipam_live_test	of_weaved	random requests for addresses
cni	net/cni_soak_test	leaks	pods come and go while plugins and daemons are killed
addresses-real	net/ipam_live_test	with_real	the same with real routers
load-real	interop/load_test	both_ways	TCP and UDP at full speed with a real router
no-tap	suite	offload-tap=no	the network tests without virtio headers
no-udp-send	suite	offload-udp-send=no	the same without UDP_SEGMENT
no-udp-receive	suite	offload-udp-receive=no	the same without UDP_GRO
no-coalesce	suite	coalesce=no	the same without joining of frames
no-offload	suite	$none	the same without all of these
library	suite	cipher=library	the same by the cipher of libsodium"

one() {			# program case
	if [ "$1" = suite ]; then
		NET_OPTIONS=$2 "$WEAVED_SRCDIR/regress/check.sh" "$build" net
	else
		"$build/regress/$1" "$2"
	fi
}

failed=0
run() {
	printf 'soak: %s: %s\n' "$1" "$4"
	if one "$2" "$3"; then
		printf 'soak: %s: passed\n' "$1"
	else
		printf 'soak: %s: failed\n' "$1"
		failed=1
	fi
}

if [ $# -eq 0 ]; then
	# shellcheck disable=SC2046
	set -- $(printf '%s\n' "$soaks" | cut -f 1)
fi
for name in "$@"; do
	line=$(printf '%s\n' "$soaks" | grep "^$name	")
	if [ -z "$line" ]; then
		echo "soak.sh: no soak is called $name" >&2
		exit 2
	fi
	IFS='	'
	# shellcheck disable=SC2086
	run $line
	unset IFS
done
exit $failed
