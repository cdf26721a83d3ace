#!/bin/sh
# Puts the CNI plugin and its configuration on the host whose directories are
# mounted below /host; in the image, /usr/lib/weaved/install-cni.
#
# A configuration that is there stays, as with Weave Net. So does every plugin
# of others; portmap and loopback are added where the host has none.
set -eu

host=${HOST_ROOT:-/host}
bin=$host/opt/cni/bin
conf=$host/etc/cni/net.d
from=${CNI_FROM:-/opt/cni/bin}
others=${CNI_OTHERS:-/usr/lib/cni}
conflist=${CNI_CONFLIST:-/usr/lib/weaved/10-weave.conflist}

# A runtime may be executing the old file.
place() {
	cp "$1" "$2.new"
	chmod 755 "$2.new"
	mv -f "$2.new" "$2"
}

# Weave Net's are links to a file with its version in the name.
for name in weave-net weave-ipam; do
	place "$from/weave-net" "$bin/$name"
done
rm -f "$bin"/weave-plugin-*
for name in portmap loopback; do
	[ -e "$bin/$name" ] || [ ! -e "$others/$name" ] ||
	    place "$others/$name" "$bin/$name"
done

rm -f "$conf/10-weave.conf"
if [ ! -e "$conf/10-weave.conflist" ]; then
	hairpin=true
	case ${HAIRPIN_MODE:-} in
	false | no | 0) hairpin=false ;;
	esac
	sed "s/\"hairpinMode\": true/\"hairpinMode\": $hairpin/" "$conflist" \
	    >"$conf/.10-weave.conflist.new"
	mv -f "$conf/.10-weave.conflist.new" "$conf/10-weave.conflist"
fi
