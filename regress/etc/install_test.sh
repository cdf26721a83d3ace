# What "make install" puts where, and that "make uninstall" takes it away.

run_make() {
	env -u MAKEFLAGS -u MAKELEVEL make -C "$WEAVED_SRCDIR" \
	    BUILD="$WEAVED_BUILDDIR" DESTDIR="$PWD/root" "$@"
}

# A build directory that SANITIZE made is taken as it is.
install_programs() {
	run_make -o all install "$@" >/dev/null || atf_fail "make install"
}

atf_test_case install
install_head() {
	atf_set descr "make install puts everything into DESTDIR"
}
install_body() {
	install_programs
	for file in usr/local/sbin/weaved usr/local/bin/weavectl \
	    etc/init.d/weaved opt/cni/bin/weave-net opt/cni/bin/weave-ipam; do
		atf_check test -x "root/$file"
	done
	for file in usr/local/lib/systemd/system/weaved.service \
	    usr/local/share/man/man5/weaved.conf.5 \
	    usr/local/share/man/man8/weaved.8 \
	    usr/local/share/man/man8/weavectl.8 \
	    usr/local/share/man/man8/weave-net.8 etc/weaved/weaved.conf; do
		atf_check test -s "root/$file"
	done
}

atf_test_case prefix
prefix_head() {
	atf_set descr "the unit and the rc script start what PREFIX says"
}
prefix_body() {
	install_programs PREFIX=/opt/w
	atf_check test -x root/opt/w/sbin/weaved
	atf_check -o ignore grep '^ExecStart=/opt/w/sbin/weaved -d$' \
	    root/opt/w/lib/systemd/system/weaved.service
	atf_check -o ignore grep '^daemon=/opt/w/sbin/weaved$' \
	    root/etc/init.d/weaved
	install_programs PREFIX=/usr
	atf_check test -x root/usr/lib/cni/weave-ipam
	install_programs CNIBINDIR=/cni
	atf_check test -x root/cni/weave-net
}

atf_test_case uninstall
uninstall_head() {
	atf_set descr "make uninstall leaves no file"
}
uninstall_body() {
	install_programs
	run_make uninstall >/dev/null || atf_fail "make uninstall"
	atf_check find root -not -type d
	atf_check test ! -e root/etc/weaved
}

atf_test_case configuration
configuration_head() {
	atf_set descr "neither install nor uninstall touch the operator's files"
}
configuration_body() {
	mkdir -p root/etc/weaved
	echo "mtu: 1400" >root/etc/weaved/weaved.conf
	echo secret >root/etc/weaved/password
	install_programs
	atf_check -o inline:"mtu: 1400\n" cat root/etc/weaved/weaved.conf
	run_make uninstall >/dev/null || atf_fail "make uninstall"
	atf_check -o inline:"mtu: 1400\n" cat root/etc/weaved/weaved.conf
	atf_check -o inline:"secret\n" cat root/etc/weaved/password
}

atf_test_case library
library_head() {
	atf_set descr "a missing library is one line that names the package"
}
library_body() {
	atf_check -s exit:2 -o empty \
	    -e match:"needs libevent: apt-get install libevent-dev, or make deps" \
	    env PKG_CONFIG_LIBDIR=/nonexistent PKG_CONFIG_PATH= \
	    make -s -C "$WEAVED_SRCDIR" BUILD="$PWD/build"
	atf_check test ! -e build
}

atf_init_test_cases() {
	atf_add_test_case install
	atf_add_test_case prefix
	atf_add_test_case uninstall
	atf_add_test_case configuration
	atf_add_test_case library
}
