#!/bin/sh
# weaved beside other overlays: every peer once, then all again, so that what
# drifts drifts for all; then the medians. Needs root; leaves nothing behind
# but its results in BUILD/bench.
#
#   BENCH_ROUNDS	3
#   BENCH_SECONDS	3, of each single test
#   BENCH_UNDERLAY	"wire-gro veth-offload", and wire (measure.sh)
#   BENCH_PEERS		those below; real Weave if WEAVER names its router,
#			another wireguard-go if WIREGUARD_GO names it
#   BENCH_WEAVED	more options of weaved: "-o key=value"
#
#   bench.sh BUILD
set -u
export LC_ALL=C

cd "$(dirname "$0")/../.." || exit 2
build=$1
out=$build/bench
here=regress/bench
rounds=${BENCH_ROUNDS:-3}
seconds=${BENCH_SECONDS:-3}
underlays=${BENCH_UNDERLAY:-wire-gro veth-offload}
peers=${BENCH_PEERS:-vxlan weaved-plain weaved wireguard-go nebula tinc fastd \
openvpn ${WIREGUARD_GO:+wireguard-go-new} ${WEAVER:+weave weave-plain}}

[ "$(id -u)" = 0 ] || { echo "bench.sh: needs root" >&2; exit 1; }
mkdir -p "$out" && : >"$out/raw.tsv" || exit 1

machine() {
	sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c |
	    sed 's/^ *\([0-9]*\) /\1 x /'
	echo "vector instructions: $(grep -m 1 ^flags /proc/cpuinfo |
	    grep -oE '\<(avx2|avx512f|avx512ifma|vaes)\>' | paste -sd ' ')"
	echo "$(uname -sr), TCP $(sysctl -n net.ipv4.tcp_congestion_control)"
	echo "$(date -u +%F), $rounds rounds, $seconds seconds a test"
	dpkg-query -W -f '${Package} ${Version}\n' wireguard-go nebula tinc \
	    fastd openvpn libsodium23 iperf3 2>/dev/null
}

machine >"$out/machine.txt"
for round in $(seq "$rounds"); do
	for underlay in $underlays; do
		for peer in $peers; do
			echo "round $round: $peer, $underlay" >&2
			$here/measure.sh "$build" "$underlay" "$peer" "$round" \
			    "$seconds" "$out/logs-$peer" >>"$out/raw.tsv"
			[ $? -ne 130 ] || exit 130
		done
	done
done
$here/report.sh "$build"
