# The manifests: well-formed, with the rights that the daemon needs and no
# more, and the daemon runs from what they give it.

# Prints what a Python expression over the manifest's documents says: docs by
# kind, pod, init and main container.
query() {
	python3 - "$WEAVED_SRCDIR/etc/kubernetes/weaved.yaml" "$1" <<'END'
import sys, yaml
docs = {d['kind']: d for d in yaml.safe_load_all(open(sys.argv[1])) if d}
pod = docs['DaemonSet']['spec']['template']['spec']
init, main = pod['initContainers'][0], pod['containers'][0]
print(eval(sys.argv[2]))
END
}

# says EXPECTED EXPRESSION
says() {
	found=$(query "$2") || atf_fail "the manifest can not be read"
	[ "$found" = "$1" ] || atf_fail "$2 is $found, not $1"
}

# The environment as the kubelet would set it, one line each.
environment() {
	query "chr(10).join(
	    e['name'] + '=' + e.get('value', {'HOSTNAME': 'node-a',
	    'WEAVE_PASSWORD': 'some long password of this cluster'}.get(
	    e['name'], '?')) for e in main['env'])"
}

atf_test_case wellformed
wellformed_head() {
	atf_set require.progs python3
}
wellformed_body() {
	for kind in ServiceAccount ClusterRole ClusterRoleBinding Role \
	    RoleBinding DaemonSet Service; do
		says "$kind" "docs['$kind']['kind']"
	done
	says "True" "pod['hostNetwork']"
	says "False" "any(c['securityContext'].get('privileged') for c in
	    pod['initContainers'] + pod['containers'])"
	says "[['ALL'], ['ALL']]" "[c['securityContext']['capabilities']['drop'] for c in
	    [init, main]]"
	says "False" "'add' in init['securityContext']['capabilities']"
	# Every volume that is mounted is there, and the other way round.
	says "True" "{m['name'] for c in [init, main]
	    for m in c['volumeMounts']} == {v['name'] for v in pod['volumes']}"
	# No right to anything but nodes and that one list.
	says "[(['nodes'], ['list', 'watch']), (['nodes/status'], ['patch'])]" "[(r['resources'], r['verbs'])
	    for r in docs['ClusterRole']['rules']]"
	says "[(['configmaps'], ['get', 'update'], ['weave-net']), (['configmaps'], ['create'], None)]" "[(r['resources'], r['verbs'], r.get('resourceNames'))
	    for r in docs['Role']['rules']]"
	atf_check -o ignore python3 -c "import sys, yaml
list(yaml.safe_load_all(open(sys.argv[1])))" \
	    "$WEAVED_SRCDIR/etc/kubernetes/servicemonitor.yaml"
}

atf_test_case known_variables
known_variables_head() {
	atf_set require.progs python3
}
known_variables_body() {
	environment | while IFS='=' read -r name _; do
		grep -qa "$name" "$WEAVED_BUILDDIR/weaved" ||
		    atf_fail "weaved does not know $name"
	done
}

# With the manifest's environment and exactly its capabilities, in a network
# of its own.
atf_test_case runs cleanup
runs_head() {
	atf_set require.progs "python3 setpriv unshare"
	atf_set require.user root
	atf_set timeout 120
}
runs_body() {
	caps=$(query "','.join('+' + c.lower() for c in
	    main['securityContext']['capabilities']['add'])")
	cat >start <<END
ip link set lo up
exec setpriv --bounding-set=-all,$caps --inh-caps=-all --no-new-privs \
    "$WEAVED_BUILDDIR/weaved" -d -o control-socket="$PWD/ctl" \
    -o state-directory="$PWD/state"
END
	environment >environment.txt
	set --
	while IFS= read -r line; do
		set -- "$@" "$line"
	done <environment.txt
	env -i PATH="$PATH" "$@" unshare -n sh start >log 2>&1 &
	echo $! >pid
	for _ in $(seq 300); do
		"$WEAVED_BUILDDIR/weavectl" -s "$PWD/ctl" status >out 2>&1 &&
		    break
		kill -0 "$(cat pid)" 2>/dev/null ||
		    atf_fail "weaved ended: $(cat log)"
		sleep 0.2
	done
	atf_check -o match:'Name: .*\(node-a\)' -o match:'Encryption: enabled' \
	    -o match:'Range: 10.32.0.0/12' cat out
	atf_check -o not-match:'has no effect' -o not-match:' error ' cat log
	# What the manifest gives is what the parent keeps.
	wanted=$(query "'%016x' % sum(1 << {'KILL': 5, 'SETGID': 6,
	    'SETUID': 7, 'SETPCAP': 8, 'NET_ADMIN': 12, 'SYS_CHROOT': 18}[c]
	    for c in main['securityContext']['capabilities']['add'])")
	parent=$(pgrep -P "$(cat pid)" -x weaved || cat pid)
	atf_check -o match:"CapEff:.$wanted" -o match:"CapBnd:.$wanted" \
	    cat "/proc/$parent/status"
}
runs_cleanup() {
	[ ! -e pid ] || kill "$(cat pid)" 2>/dev/null || :
}

atf_test_case install_cni
install_cni_body() {
	mkdir -p host/opt/cni/bin host/etc/cni/net.d from others
	echo plugin >from/weave-net
	echo portmap >others/portmap
	echo mine >host/opt/cni/bin/loopback
	echo theirs >others/loopback
	echo old >host/opt/cni/bin/weave-plugin-2.8.1
	ln -s weave-plugin-2.8.1 host/opt/cni/bin/weave-net
	touch host/etc/cni/net.d/10-weave.conf
	export HOST_ROOT="$PWD/host" CNI_FROM="$PWD/from" \
	    CNI_OTHERS="$PWD/others" HAIRPIN_MODE=false \
	    CNI_CONFLIST="$WEAVED_SRCDIR/etc/cni/10-weave.conflist"
	install="$WEAVED_SRCDIR/etc/kubernetes/install-cni.sh"
	atf_check sh "$install"
	atf_check -o inline:'plugin\n' cat host/opt/cni/bin/weave-net
	atf_check -o inline:'plugin\n' cat host/opt/cni/bin/weave-ipam
	atf_check -o inline:'portmap\n' cat host/opt/cni/bin/portmap
	atf_check -o inline:'mine\n' cat host/opt/cni/bin/loopback
	atf_check -s exit:1 test -e host/opt/cni/bin/weave-plugin-2.8.1
	atf_check -s exit:1 test -e host/etc/cni/net.d/10-weave.conf
	atf_check -o match:'"hairpinMode": false' -o match:'"portmap"' \
	    cat host/etc/cni/net.d/10-weave.conflist
	# What is there stays.
	echo mine >host/etc/cni/net.d/10-weave.conflist
	atf_check sh "$install"
	atf_check -o inline:'mine\n' cat host/etc/cni/net.d/10-weave.conflist
}

# Weave Net's script by its old name.
atf_test_case old_name
old_name_body() {
	mkdir bin
	printf '#!/bin/sh\necho "$@"\n' >bin/weavectl
	chmod +x bin/weavectl
	PATH=$PWD/bin:$PATH
	atf_check -o inline:'status connections\n' \
	    sh "$WEAVED_SRCDIR/etc/kubernetes/weave.sh" --local \
	    status connections
	atf_check -o inline:'status\n' \
	    sh "$WEAVED_SRCDIR/etc/kubernetes/weave.sh" status
}

# The libraries that the image names are those that the programs need.
atf_test_case image
image_body() {
	file=$WEAVED_SRCDIR/etc/kubernetes/Dockerfile
	for program in weaved weavectl weave-net; do
		ldd "$WEAVED_BUILDDIR/$program" |
		    sed -n 's,.*/lib\([a-z]*\)[-0-9.]*so.*,\1,p'
	done | sort -u >libraries
	grep -E '^(event|sodium|yaml|jansson|bsd|seccomp|nl|nftables)$' \
	    libraries >ours
	while read -r library; do
		atf_check -o match:"lib$library" cat "$file"
	done <ours
	atf_check -o match:libcurl4 cat "$file"
	sed -n 's/^COPY \(etc[^ ]*\) .*/\1/p' "$file" >paths
	while read -r path; do
		atf_check test -e "$WEAVED_SRCDIR/$path"
	done <paths
	atf_check -o match:libevent-dev make -s -C "$WEAVED_SRCDIR" print-deps
}

atf_init_test_cases() {
	atf_add_test_case wellformed
	atf_add_test_case known_variables
	atf_add_test_case runs
	atf_add_test_case install_cni
	atf_add_test_case old_name
	atf_add_test_case image
}
