#!/bin/sh
# From raw.tsv in BUILD/bench: summary.tsv (median, least, most of everything),
# table.txt, ratios.md (of the first underlay) and chart.svg.
#
#   report.sh BUILD
set -eu
export LC_ALL=C

cd "$(dirname "$0")/../.."
out=$1/bench

# METRIC DIVISOR HEADING; the first ones are drawn and compared as well.
columns='tcp1_mbps 1 TCP
tcp1r_mbps 1 TCP-back
tcp4_mbps 1 TCPx4
tcp4r_mbps 1 TCPx4-back
udp64_rate 1000 64-byte
udp1200_rate 1000 1200-byte
rest_p50 1 rest
rest_p99 1 rest-99%
load_p50 1000 load
load_p99 1000 load-99%
load_loss 0.01 load-lost
tcp1_cpu 1 daemons
tcp1_machine 1 machine
busy 1 before'
debian='wireguard-go nebula tinc fastd openvpn'
compared='tcp1_mbps udp64_rate rest_p50 load_p99 tcp1_cpu'

summary() {
	sort -t '	' -k 1,2 -k 4,4 -k 5,5g "$out/raw.tsv" | awk -F '\t' '
	function flush() {
		low = int((n + 1) / 2)
		high = int(n / 2) + 1
		if (n)
			print key, n, (v[low] + v[high]) / 2, v[1], v[n]
		n = 0
	}
	BEGIN { OFS = "\t" }
	{
		if ($1 OFS $2 OFS $4 != key) {
			flush()
			key = $1 OFS $2 OFS $4
		}
		v[++n] = $5
	}
	END { flush() }'
}

# Peers in the order in which they were measured.
peers() {		# underlay
	awk -F '\t' -v underlay="$1" '
	    $1 == underlay && !seen[$2]++ { print $2 }' "$out/raw.tsv"
}

value() {		# underlay peer metric
	awk -F '\t' -v key="$1 $2 $3" '
	    $1 " " $2 " " $3 == key { print $5 }' "$out/summary.tsv"
}

row() {			# underlay peer
	printf '%-16s' "$2"
	echo "$columns" | while read -r metric divisor heading; do
		echo "$(value "$1" "$2" "$metric") $divisor $heading"
	done | awk '{
		width = length($NF) + 2 < 9 ? 9 : length($NF) + 2
		if (NF < 3)
			printf "%*s", width, "-"
		else {
			x = $1 / $2
			printf "%*s", width,
			    sprintf(x < 10 ? "%.2f" : "%.0f", x)
		}
	}'
	echo
}

heading() {
	printf '%-16s' "$1"
	echo "$columns" | awk '{
		printf "%*s", length($3) + 2 < 9 ? 9 : length($3) + 2, $3 }'
	echo
}

table() {
	cat "$out/machine.txt"
	for underlay in $underlays; do
		printf '\nunderlay %s: ' "$underlay"
		tr -d '\t' <"$out/offloads-$underlay.txt" |
		    paste -sd ';' | sed 's/;/, /g'
		heading peer
		for peer in $(peers "$underlay"); do
			row "$underlay" "$peer"
		done
	done
	cat <<-END

	TCP: Mbit/s, one stream and four, there and back.  64-byte, 1200-byte:
	thousand UDP packets a second of which at most 1 % are lost.  rest:
	round trip of 200 packets a second, us.  load: of 5,000 a second beside
	one TCP stream at full speed, ms, and percent lost.  daemons, machine:
	processor seconds per gigabyte of one TCP stream.  before: percent of
	the machine that others used when the test began.  Not encrypted:
	vxlan, weaved-plain, weave-plain.  Medians.
	END
}

# weaved's figure divided by the best of those peers; less is better in the
# third column and after it.
ratio_row() {		# underlay heading peer...
	underlay=$1 heading=$2
	shift 2
	printf '| %s |' "$heading"
	for metric in $compared; do
		for peer; do
			value "$underlay" "$peer" "$metric"
		done | sort -g | awk -v ours="$(value "$underlay" weaved \
		    "$metric")" -v metric="$metric" '
		    $1 > 0 && (!best || metric ~ /mbps|rate/) { best = $1 }
		    END {
			if (best && ours)
				printf " %.2f |", ours / best
			else
				printf " - |"
		    }'
	done
	echo
}

ratio_heading() {
	echo "| weaved against | TCP | 64-byte packets | round trip * |" \
	    "under load, 99 % * | processor time a byte * |"
	echo '|---|---|---|---|---|---|'
}

# For the README.
ratios() {		# underlay
	ratio_heading
	ratio_row "$1" "kernel VXLAN, not encrypted" vxlan
	# shellcheck disable=SC2086 # a list of words
	ratio_row "$1" "the best of ${debian% *} and ${debian##* }" $debian
	ratio_row "$1" "Weave Net 2.8.1, encrypted" weave
}

all_ratios() {		# underlay
	ratio_heading
	for peer in $(peers "$1" | grep -vx weaved); do
		ratio_row "$1" "$peer" "$peer"
	done
}

chart_data() {		# underlay
	for peer in $(peers "$1"); do
		printf '%s' "$peer"
		for metric in $compared; do
			printf '\t%s' "$(value "$1" "$peer" "$metric" | grep . ||
			    echo 0)"
		done
		echo
	done
}

underlays=$(awk -F '\t' '!seen[$1]++ { print $1 }' "$out/raw.tsv")
first=${underlays%%
*}
summary >"$out/summary.tsv"
table >"$out/table.txt"
ratios "$first" >"$out/ratios.md"
chart_data "$first" >"$out/chart.tsv"
gnuplot -e "data='$out/chart.tsv'; svg='$out/chart.svg'; \
    machine='$(head -n 1 "$out/machine.txt"), underlay $first'" \
    regress/bench/chart.gp
cat "$out/table.txt"
for underlay in $underlays; do
	printf '\n%s\n' "weaved's figures divided by others, $underlay:"
	all_ratios "$underlay"
done
echo "chart: $out/chart.svg; everything: $out/summary.tsv, $out/raw.tsv"
