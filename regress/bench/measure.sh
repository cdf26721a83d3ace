#!/bin/sh
# One peer, once: two hosts in network namespaces, what the peer carries
# between them, and lines "UNDERLAY PEER ROUND METRIC VALUE" of it on standard
# output. Needs root; leaves nothing behind.
#
#   measure.sh BUILD UNDERLAY PEER ROUND SECONDS LOGS
#
#      eth0 of pod a                     eth0 of pod b    10.91.0.1  .2
#            |                                 |
#        [ weave ]  bridge, TAP            [ weave ]
#        [ daemon]                         [ daemon]
#          host a ------- under -------- host b           10.90.0.1  .2
#
# weaved, weave and vxlan have bridge and pods. The other peers have their
# address on their own interface in the host, where less is in the way.
set -u
export LC_ALL=C

cd "$(dirname "$0")/../.." || exit 2
build=$(realpath "$1") || exit 2
underlay=$2 peer=$3 round=$4 seconds=$5 logs=$6
work=$(mktemp -d) || exit 1
chmod 755 "$work"
id=wb$$
a=$id-a b=$id-b
from=$a to=$b
under_a=10.90.0.1 under_b=10.90.0.2
over_a=10.91.0.1 over_b=10.91.0.2
packets=$build/regress/bench/packets
hz=$(getconf CLK_TCK)
offloads='tx-checksumming|tcp-segmentation-offload|tx-udp-segmentation'
offloads="$offloads|generic-segmentation-offload|generic-receive-offload"
spaces=
daemons=
helpers=

# shellcheck source=/dev/null
. regress/bench/peers.sh

die() {
	echo "bench: $underlay $peer round $round: $*" >&2
	mkdir -p "$logs" && cp "$work"/*.log "$logs" 2>/dev/null
	exit 1
}

clean() {
	trap - EXIT INT TERM HUP
	# shellcheck disable=SC2086 # a list of pids
	[ -z "$daemons$helpers" ] || kill $daemons $helpers 2>/dev/null
	wait
	for space in $spaces; do
		ip netns delete "$space"
	done
	rm -rf "$work"
}
trap clean EXIT
trap 'clean; exit 130' INT TERM HUP PIPE

within() {		# namespace command...
	namespace=$1
	shift
	ip netns exec "$namespace" "$@"
}

await() {		# seconds command...
	tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

# In a directory of its own: what a router leaves there, another one reads.
start() {		# namespace name command...
	namespace=$1 name=$2
	shift 2
	mkdir "$work/$name"
	env -C "$work/$name" ip netns exec "$namespace" "$@" </dev/null \
	    >"$work/$name.log" 2>&1 &
}

daemon() {		# like start: a process whose processor time is the peer's
	start "$@"
	daemons="$daemons $!"
}

helper() {
	start "$@"
	helpers="$helpers $!"
}

space() {		# name
	ip netns add "$1" || die "no network namespace"
	spaces="$1 $spaces"
	within "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
	    net.ipv6.conf.default.disable_ipv6=1
	ip -n "$1" link set lo up
}

device() {		# namespace name [mtu] [address]
	await 10 ip -n "$1" link show "$2" || return
	[ -z "${3:-}" ] || ip -n "$1" link set "$2" mtu "$3" || return
	[ -z "${4:-}" ] || ip -n "$1" address add "$4/24" dev "$2" || return
	ip -n "$1" link set "$2" up
}

pod() {			# namespace host address
	await 15 ip -n "$2" link show weave || return
	mtu=$(cat_in "$2" /sys/class/net/weave/mtu)
	space "$1"
	ip -n "$2" link add pod mtu "$mtu" type veth \
	    peer name eth0 mtu "$mtu" netns "$1" &&
	    ip -n "$2" link set pod master weave up &&
	    device "$1" eth0 '' "$3"
}

# "ip netns exec" mounts the namespace's own /sys.
cat_in() {		# namespace file
	within "$1" cat "$2"
}

pods() {
	pod "$id-pa" "$a" "$over_a" && pod "$id-pb" "$b" "$over_b" &&
	    from=$id-pa to=$id-pb
}

# wire: no packet on the underlay is larger than its MTU. veth passes super
# packets on, whatever gso says, for as long as a segmentation of its own is on.
# wire-gro: the receiving side gathers packets, as the driver of a NIC does.
# veth-offload: whole super packets pass.
wire() {		# namespace gro
	within "$1" ethtool -K under tso off gso off gro "$2" &&
	    within "$1" ethtool -k under |
	    sed -n 's/^[[:space:]]*\(tx-.*-segmentation\): on$/\1/p' |
		while read -r feature; do
			within "$1" ethtool -K under "$feature" off
		done
}

hosts() {
	space "$a"
	space "$b"
	ip -n "$a" link add under mtu 1500 type veth \
	    peer name under mtu 1500 netns "$b" || die "no underlay"
	device "$a" under '' "$under_a" || die "no underlay"
	device "$b" under '' "$under_b" || die "no underlay"
	case $underlay in
	wire) wire "$a" off && wire "$b" off ;;
	wire-gro) wire "$a" on && wire "$b" on ;;
	veth-offload) ;;
	*) die "no such underlay" ;;
	esac
	within "$a" ethtool -k under | grep -E "^[[:space:]]*($offloads):" \
	    >"$logs/../offloads-$underlay.txt"
}

put() {			# metric value
	printf '%s\t%s\t%s\t%s\t%s\n' "$underlay" "$peer" "$round" "$1" "$2"
}

calculate() {		# expression
	awk "BEGIN { printf \"%.6g\", $1 }"
}

family() {		# pid...
	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046 # a list of pids
		family $(pgrep -P "$pid")
	done
}

daemon_ticks() {
	# shellcheck disable=SC2086 # a list of pids
	for pid in $(family $daemons); do
		sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null
	done | awk '{ n += $12 + $13 } END { print n + 0 }'
}

machine_ticks() {
	awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

tcp() {			# seconds file option...
	limit=$1 file=$2
	shift 2
	within "$from" timeout $((limit + 10)) iperf3 -c "$over_b" -J \
	    --connect-timeout 3000 -t "$limit" "$@" >"$file" 2>/dev/null
}

# Megabits a second, then processor seconds per gigabyte: of both daemons,
# and of the whole machine.
tcp_metrics() {		# name option...
	name=$1
	shift
	daemon_before=$(daemon_ticks) machine_before=$(machine_ticks)
	tcp "$seconds" "$work/tcp.json" "$@" || die "$name failed"
	daemon_used=$(($(daemon_ticks) - daemon_before))
	machine_used=$(($(machine_ticks) - machine_before))
	bytes=$(jq .end.sum_received.bytes "$work/tcp.json")
	put "${name}_mbps" "$(jq '.end.sum_received.bits_per_second / 1e6' \
	    "$work/tcp.json")"
	put "${name}_cpu" "$(calculate "$daemon_used / $hz / ($bytes / 1e9)")"
	put "${name}_machine" \
	    "$(calculate "$machine_used / $hz / ($bytes / 1e9)")"
}

packet_metrics() {	# prefix mode seconds number
	prefix=$1
	shift
	"$packets" "$1" "$from" "$to" "$over_b" "$2" "$3" >"$work/packets.out" \
	    2>>"$work/packets.log" || die "packets $1 failed"
	while read -r name value; do
		put "${prefix}_$name" "$value"
	done <"$work/packets.out"
}

# Round trips of another flow while one TCP stream has all it can get.
load_metrics() {
	tcp $((seconds + 2)) "$work/load.json" &
	load=$!
	sleep 1
	packet_metrics load echo "$seconds" 5000
	wait $load || die "load failed"
	put load_mbps "$(jq '.end.sum_received.bits_per_second / 1e6' \
	    "$work/load.json")"
}

busy() {
	before=$(machine_ticks)
	sleep 0.5
	calculate "($(machine_ticks) - $before) / $hz / 0.5 / $(nproc) * 100"
}

# Waits a while for others to be done; how busy they still are.
quiet() {
	tries=20
	used=$(busy)
	while [ "${used%%.*}" -ge 15 ] && [ $((tries -= 1)) -gt 0 ]; do
		sleep 1
		used=$(busy)
	done
	echo "$used"
}

for program in $(peer_programs "$peer"); do
	command -v "$program" >/dev/null || die "no $program"
done
mkdir -p "$logs"
put busy "$(quiet)"
(umask 077 && head -c 18 /dev/urandom | base64 >"$work/password")
hosts
"start_$(echo "$peer" | tr - _)" >"$work/start.log" 2>&1 || die "no start"
await 30 within "$from" ping -q -c 1 -W 1 "$over_b" || die "no ping"
helper "$to" iperf3 iperf3 -s
await 10 within "$from" iperf3 -c "$over_b" --connect-timeout 1000 -n 1 ||
    die "no iperf3"
sleep 2			# until path MTUs are known
packet_metrics rest echo 1 200
tcp_metrics tcp1
tcp_metrics tcp1r -R
tcp_metrics tcp4 -P 4
tcp_metrics tcp4r -P 4 -R
packet_metrics udp64 rate "$seconds" 64
packet_metrics udp1200 rate "$seconds" 1200
load_metrics
case $peer in
weaved*) "$build/weavectl" -s "$work/a.sock" status >"$logs/../$peer.txt" ;;
esac
