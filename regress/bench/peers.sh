# shellcheck shell=sh disable=SC2154 # variables of measure.sh
# How each peer is started on host a ($a, $under_a) and host b. Sourced by
# measure.sh, which has daemon, await, device and pods. What starts a peer
# leaves $from and $to, the namespaces between which traffic runs, and makes
# $over_b answer from $from. An interface has the largest MTU that the
# underlay's 1500 bytes carry.

peer_programs() {	# peer
	case $1 in
	weaved*) echo "$build/weaved" ;;
	weave*) echo "${WEAVER:-weaver} iptables" ;;
	wireguard-go) echo "wireguard-go wg" ;;
	wireguard-go-new) echo "${WIREGUARD_GO:-wireguard-go-new} wg" ;;
	nebula) echo "nebula nebula-cert" ;;
	tinc) echo tincd ;;
	openvpn) echo "openvpn openssl" ;;
	vxlan) ;;
	*) echo "$1" ;;
	esac
}

vxlan_host() {		# namespace own other
	ip -n "$1" link add vxlan type vxlan id 7 dstport 4789 \
	    local "$2" remote "$3" dev under &&
	    ip -n "$1" link add weave mtu 1450 type bridge &&
	    ip -n "$1" link set vxlan mtu 1450 master weave up &&
	    ip -n "$1" link set weave up
}

start_vxlan() {
	vxlan_host "$a" "$under_a" "$under_b" &&
	    vxlan_host "$b" "$under_b" "$under_a" && pods
}

weaved_host() {		# namespace letter encryption [peer]
	namespace=$1
	letter=$2
	encryption=$3
	shift 3
	# shellcheck disable=SC2086 # options of the operator
	daemon "$namespace" "weaved-$letter" "$build/weaved" -d \
	    -o "nickname=$letter" -o "encryption=$encryption" \
	    -o "password-file=$work/password" \
	    -o "control-socket=$work/$letter.sock" \
	    -o "state-directory=$work/state-$letter" ${BENCH_WEAVED:-} "$@"
}

weaved_hosts() {	# encryption
	weaved_host "$a" a "$1" && weaved_host "$b" b "$1" "$under_a" && pods
}

start_weaved() {
	weaved_hosts required
}

start_weaved_plain() {
	weaved_hosts none
}

weave_host() {		# namespace letter password [peer]
	namespace=$1
	letter=$2
	password=$3
	shift 3
	CHECKPOINT_DISABLE=1 daemon "$namespace" "weave-$letter" \
	    "${WEAVER:-weaver}" --name "6e:00:00:00:00:0$letter" \
	    --nickname "$letter" ${password:+--password "$password"} \
	    --no-fastdp --no-dns --docker-api= \
	    --http-addr= --status-addr= --ipalloc-range= \
	    --db-prefix "$work/weave-$letter-" "$@"
}

# "weave attach" switches the checksum offload of a pod's interface off.
weave_hosts() {		# password
	weave_host "$a" a "$1" && weave_host "$b" b "$1" "$under_a" &&
	    await 10 ip -n "$a" link show vethwe-pcap &&
	    await 10 ip -n "$b" link show vethwe-pcap && pods &&
	    within "$from" ethtool -K eth0 tx off >/dev/null &&
	    within "$to" ethtool -K eth0 tx off >/dev/null
}

start_weave() {
	weave_hosts "$(cat "$work/password")"
}

start_weave_plain() {
	weave_hosts ''
}

wireguard_keys() {	# letter
	wg genkey >"$work/key-$1" && wg pubkey <"$work/key-$1" >"$work/public-$1"
}

# The control socket lies where all namespaces see it: names differ.
wireguard_host() {	# program namespace letter own other-letter other-under other
	WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error \
	    daemon "$2" "wireguard-$3" "$1" -f "$id$3" &&
	    device "$2" "$id$3" 1420 "$4" &&
	    await 5 within "$2" wg show "$id$3" &&
	    within "$2" wg set "$id$3" listen-port 51820 \
		private-key "$work/key-$3" peer "$(cat "$work/public-$5")" \
		allowed-ips "$7/32" endpoint "$6:51820"
}

wireguard_hosts() {	# program
	wireguard_keys a && wireguard_keys b &&
	    wireguard_host "$1" "$a" a "$over_a" b "$under_b" "$over_b" &&
	    wireguard_host "$1" "$b" b "$over_b" a "$under_a" "$over_a"
}

start_wireguard_go() {
	wireguard_hosts wireguard-go
}

start_wireguard_go_new() {
	wireguard_hosts "$WIREGUARD_GO"
}

nebula_host() {		# namespace letter address
	(cd "$work" && nebula-cert sign -name "$2" -ip "$3/24") &&
	    cat >"$work/nebula-$2.yml" <<-END &&
	pki:
	  {ca: $work/ca.crt, cert: $work/$2.crt, key: $work/$2.key}
	static_host_map:
	  {$over_a: ["$under_a:4242"], $over_b: ["$under_b:4242"]}
	lighthouse: {am_lighthouse: false, hosts: []}
	listen: {host: 0.0.0.0, port: 4242}
	tun: {dev: nebula, mtu: 1440}
	logging: {level: warning}
	firewall:
	  outbound: [{port: any, proto: any, host: any}]
	  inbound: [{port: any, proto: any, host: any}]
	END
	    daemon "$1" "nebula-$2" nebula -config "$work/nebula-$2.yml" &&
	    device "$1" nebula
}

start_nebula() {
	(cd "$work" && nebula-cert ca -name bench) &&
	    nebula_host "$a" a "$over_a" && nebula_host "$b" b "$over_b"
}

tinc_keys() {		# letter under
	mkdir -p "$work/tinc-$1/hosts" &&
	    printf '%s\n' "Name = $1" 'Mode = switch' 'DeviceType = tap' \
		'Interface = tinc' 'AddressFamily = ipv4' \
		>"$work/tinc-$1/tinc.conf" &&
	    echo "Address = $2" >"$work/tinc-$1/hosts/$1" &&
	    tincd -c "$work/tinc-$1" -K2048 </dev/null
}

start_tinc() {
	tinc_keys a "$under_a" && tinc_keys b "$under_b" || return
	cp "$work/tinc-a/hosts/a" "$work/tinc-b/hosts" &&
	    cp "$work/tinc-b/hosts/b" "$work/tinc-a/hosts" &&
	    echo 'ConnectTo = a' >>"$work/tinc-b/tinc.conf" &&
	    daemon "$a" tinc-a tincd -D -c "$work/tinc-a" \
		--pidfile="$work/tinc-a.pid" &&
	    daemon "$b" tinc-b tincd -D -c "$work/tinc-b" \
		--pidfile="$work/tinc-b.pid" &&
	    device "$a" tinc '' "$over_a" && device "$b" tinc '' "$over_b"
}

# A line "Secret: ..." and a line "Public: ...".
fastd_key() {		# letter which
	sed -n "s/^$2: //p" "$work/fastd-$1.key"
}

fastd_host() {		# namespace letter own other-letter other-under
	cat >"$work/fastd-$2.conf" <<-END &&
	log level warn;
	mode tap;
	interface "fastd";
	method "salsa2012+umac";
	bind any:10000;
	mtu 1434;
	secret "$(fastd_key "$2" Secret)";
	peer "other" {
		key "$(fastd_key "$4" Public)";
		remote $5:10000;
	}
	END
	    daemon "$1" "fastd-$2" fastd --config "$work/fastd-$2.conf" &&
	    device "$1" fastd '' "$3"
}

start_fastd() {
	fastd --generate-key >"$work/fastd-a.key" 2>/dev/null &&
	    fastd --generate-key >"$work/fastd-b.key" 2>/dev/null &&
	    fastd_host "$a" a "$over_a" b "$under_b" &&
	    fastd_host "$b" b "$over_b" a "$under_a"
}

openvpn_key() {		# letter
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
	    -nodes -days 2 -subj "/CN=$1" -keyout "$work/openvpn-$1.key" \
	    -out "$work/openvpn-$1.crt"
}

openvpn_host() {	# namespace letter role under over other-letter other-under other-over
	daemon "$1" "openvpn-$2" openvpn --dev ovpn --dev-type tun \
	    --proto udp --local "$4" --remote "$7" --lport 1194 --rport 1194 \
	    --"$3" --dh none --cert "$work/openvpn-$2.crt" \
	    --key "$work/openvpn-$2.key" --peer-fingerprint "$(openssl x509 \
		-in "$work/openvpn-$6.crt" -noout -fingerprint -sha256 |
		cut -d= -f2)" --data-ciphers AES-256-GCM --disable-dco \
	    --tun-mtu 1440 --mssfix 0 --fast-io --ifconfig "$5" "$8" &&
	    device "$1" ovpn
}

start_openvpn() {
	openvpn_key a && openvpn_key b &&
	    openvpn_host "$a" a tls-server "$under_a" "$over_a" \
		b "$under_b" "$over_b" &&
	    openvpn_host "$b" b tls-client "$under_b" "$over_b" \
		a "$under_a" "$over_a"
}
