#!/bin/sh
# Three hosts in network namespaces on one underlay, with a pod each, joined
# by an encrypted mesh of weaved. Needs root; leaves nothing behind.
#
#   demo.sh BUILD
#
#        pod1          pod2          pod3       addresses of IPAM
#          |             |             |        by the CNI plugin weave-net
#      [ weave ]     [ weave ]     [ weave ]    a bridge on each host
#      [ weaved]     [ weaved]     [ weaved]
#        host1         host2         host3      10.77.0.1  .2  .3
#          |             |             |
#      ====+=============+=============+====    the underlay
set -u
export LC_ALL=C

marker="secret of a pod."	# 16 bytes, what ping -p takes
build=$(realpath "$1") || exit 2
[ "$(id -u)" = 0 ] || { echo "demo.sh: needs root" >&2; exit 1; }
work=$(mktemp -d) || exit 1
id=wd$$
pids=
captures=
spaces=

say() {
	printf '\n== %s\n' "$*"
}

die() {
	printf 'demo.sh: %s\n' "$*" >&2
	for n in 1 2 3; do
		[ -e "$work/$n.log" ] && tail -n 20 "$work/$n.log" >&2
	done
	exit 1
}

clean() {
	trap - EXIT INT TERM HUP
	for pid in $pids; do
		kill "$pid" 2>/dev/null
	done
	for pid in $pids; do
		wait "$pid" 2>/dev/null
	done
	for space in $spaces; do
		ip netns delete "$space"
	done
	rm -rf "$work"
}
trap clean EXIT
trap 'clean; exit 130' INT TERM HUP

space() {		# name
	ip netns add "$id-$1" || die "no network namespace"
	spaces="$spaces $id-$1"
	ip -n "$id-$1" link set lo up
}

within() {		# name command...
	space=$1
	shift
	ip netns exec "$id-$space" "$@"
}

background() {		# name log command...
	space=$1 log=$2
	shift 2
	ip netns exec "$id-$space" "$@" >"$work/$log" 2>&1 </dev/null &
	pids="$pids $!"
}

await() {		# seconds what command...
	tries=$(($1 * 10)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || die "$what: not in time"
		sleep 0.1
	done
}

host() {		# number
	space "host$1"
	ip -n "$id-host$1" link add u0 type veth peer name "h$1" \
	    netns "$id-under" || die "no veth"
	ip -n "$id-host$1" address add "10.77.0.$1/24" dev u0
	ip -n "$id-host$1" link set u0 up
	ip -n "$id-under" link set "h$1" master under up
}

daemon() {		# number peer...
	n=$1
	shift
	background "host$n" "$n.log" "$build/weaved" -d \
	    -o "nickname=host$n" -o "password-file=$work/password" \
	    -o "control-socket=$work/$n.sock" \
	    -o "state-directory=$work/state$n" \
	    -o ipalloc-range=10.32.0.0/12 -o ipalloc-init=consensus=3 \
	    -o metrics=127.0.0.1:6782 "$@"
}

# What a container runtime does: the command in the environment, the network's
# configuration on standard input, the result on standard output.
pod() {			# number
	space "pod$1"
	echo '{"cniVersion": "1.0.0", "name": "weave", "type": "weave-net"}' |
	    within "host$1" env CNI_COMMAND=ADD CNI_CONTAINERID="pod$1" \
		CNI_NETNS="/run/netns/$id-pod$1" CNI_IFNAME=eth0 \
		WEAVED_CONTROL="$work/$1.sock" \
		"$build/weave-net" >"$work/pod$1.json" || {
		cat "$work/pod$1.json" >&2
		die "no pod on host$1"
	}
}

address() {		# number
	sed -n 's,.*"address": "\(.*\)/.*,\1,p' "$work/pod$1.json"
}

capture() {		# namespace interface
	background "$1" "$1.log" tcpdump -U --immediate-mode -i "$2" -w "$work/$1.pcap"
	captures="$captures $!"
	await 10 "capture" grep -q 'listening on' "$work/$1.log"
}

packets() {		# namespace
	tcpdump -r "$work/$1.pcap" 2>/dev/null | wc -l
}

enough() {		# namespace
	[ "$(packets "$1")" -ge 60 ]
}

readable() {		# namespace
	grep -q -a -F "$marker" "$work/$1.pcap"
}

established() {		# number count
	"$build/weavectl" -s "$work/$1.sock" status connections |
	    awk -v want="$2" '$3 == "established" { n++ }
		END { exit n != want }'
}

say "Three hosts on one underlay, weaved on each; each is told of one other"
space under
ip -n "$id-under" link add under type bridge || die "no bridge"
ip -n "$id-under" link set under up
umask 077
head -c 18 /dev/urandom | base64 >"$work/password"
for n in 1 2 3; do
	host $n
done
daemon 1
daemon 2 10.77.0.1
daemon 3 10.77.0.2
for n in 1 2 3; do
	await 30 "mesh of host$n" established $n 2
done
echo "weaved $("$build/weaved" -V 2>&1 | sed 's/^weaved //'): all connected"

say "weavectl status (on host1)"
"$build/weavectl" -s "$work/1.sock" status || die "weavectl failed"
say "weavectl status connections (on host1)"
"$build/weavectl" -s "$work/1.sock" status connections

say "A pod on each host by the CNI plugin; the result for the first"
for n in 1 2 3; do
	pod $n
done
cat "$work/pod1.json"
say "weavectl status ipam and ps (on host1)"
"$build/weavectl" -s "$work/1.sock" status ipam || die "weavectl failed"
within host1 "$build/weavectl" -s "$work/1.sock" ps || die "weavectl failed"

say "Each pod pings the others through the mesh; the payload says: $marker"
capture pod1 eth0
capture under under
pattern=$(printf %s "$marker" | od -An -tx1 | tr -d ' \n')
for from in 1 2 3; do
	for to in 1 2 3; do
		[ $from = $to ] && continue
		await 20 "pod$to from pod$from" \
		    within pod$from ping -q -c 1 -W 1 "$(address $to)"
		printf 'pod%s -> pod%s  ' $from $to
		within pod$from ping -q -c 5 -i 0.01 -p "$pattern" \
		    "$(address $to)" | tail -n 1
	done
done

say "Where that payload can be read"
await 10 "capture" readable pod1
await 10 "capture" enough under
# shellcheck disable=SC2086 # a list of pids
kill $captures
echo "on eth0 of pod1:  $(packets pod1) packets, payload found"
readable under && die "payload in the clear on the underlay"
echo "on the underlay:  $(packets under) packets, payload not found"

say "TCP from pod1 to pod3 for 5 seconds (iperf3)"
background pod3 iperf.log iperf3 -s -1 --forceflush
await 10 "iperf3" grep -q listening "$work/iperf.log"
within pod1 iperf3 -c "$(address 3)" -t 5 -f m | grep -E 'sender|receiver' ||
    die "iperf3 failed"

say "Some of what Prometheus would get from host1"
within host1 curl -sf http://127.0.0.1:6782/metrics >"$work/metrics" ||
    die "no metrics"
grep -E '^weave_connections.* [1-9]|^weaved_(ready|peer_(up|sent_bytes_total|rtt_seconds|key_age_seconds))[ {]' \
    "$work/metrics" || die "no metrics of peers"

say "Done; everything is removed again"
