# What is not compiled: manuals, scripts, the unit, the README.

atf_test_case manuals
manuals_head() {
	atf_set descr "the manuals are clean mdoc"
	atf_set require.progs mandoc
}
manuals_body() {
	for manual in weaved.conf.5 man/weaved.8 man/weavectl.8 \
	    man/weave-net.8; do
		manual=$WEAVED_SRCDIR/$manual
		# Whether other manuals are installed is not theirs to say.
		mandoc -Tlint "$manual" 2>/dev/null |
		    grep -v 'referenced manual not found' >lint
		atf_check cat lint
	done
}

atf_test_case scripts
scripts_head() {
	atf_set descr "every shell script parses"
}
scripts_body() {
	cd "$WEAVED_SRCDIR" || atf_fail "no source tree"
	for script in .ci/run etc/*.sh etc/*.init regress/*.sh \
	    regress/*/*.sh; do
		case $(head -n 1 "$script") in
		*bash) atf_check bash -n "$script" ;;
		*) atf_check dash -n "$script" ;;
		esac
	done
}

atf_test_case unit
unit_head() {
	atf_set descr "the systemd unit is exposed at most to 2.5"
	atf_set require.progs systemd-analyze
}
unit_body() {
	atf_check -o save:report -e empty systemd-analyze security \
	    --offline=true --no-pager --threshold=25 \
	    "$WEAVED_SRCDIR/etc/systemd/weaved.service"
	atf_check -o match:"exposure level for weaved.service: [0-2]\.[0-9]" \
	    cat report
}

atf_test_case unit_rotates
unit_rotates_head() {
	atf_set descr "under the unit the password file can be replaced"
}
unit_rotates_body() {
	unit=$WEAVED_SRCDIR/etc/systemd/weaved.service
	atf_check -o ignore grep -x 'ProtectSystem=strict' "$unit"
	atf_check -o ignore grep -x 'ReadWritePaths=-/etc/weaved' "$unit"
}

atf_test_case init
init_head() {
	atf_set descr "the rc script refuses what it does not know"
}
init_body() {
	atf_check -s exit:2 -e match:"start.stop.restart.reload.status" \
	    "$WEAVED_SRCDIR/etc/weaved.init"
	atf_check -s exit:2 -e ignore "$WEAVED_SRCDIR/etc/weaved.init" dance
}

atf_test_case readme
readme_head() {
	atf_set descr "the README has at most 140 lines and its two commands"
}
readme_body() {
	cd "$WEAVED_SRCDIR" || atf_fail "no source tree"
	atf_check test "$(wc -l <README.md)" -le 140
	for target in demo check; do
		atf_check -o ignore grep "^    make $target " README.md
		atf_check -o ignore grep "^$target:" Makefile
	done
}

atf_test_case registered
registered_head() {
	atf_set descr "kyua knows every test program"
}
registered_body() {
	atf_check -o save:list kyua --config=none list \
	    --kyuafile="$WEAVED_SRCDIR/regress/Kyuafile" \
	    --build-root="$WEAVED_BUILDDIR/regress"
	for source in "$WEAVED_SRCDIR"/regress/*/*_test.* \
	    "$WEAVED_SRCDIR"/regress/fuzz/*_fuzz.c; do
		name=${source#"$WEAVED_SRCDIR/regress/"}
		name=${name%.*}
		case $name in *_fuzz) name=${name}_test ;; esac
		atf_check -o ignore grep "^$name:" list
	done
}

atf_init_test_cases() {
	atf_add_test_case manuals
	atf_add_test_case scripts
	atf_add_test_case unit
	atf_add_test_case unit_rotates
	atf_add_test_case init
	atf_add_test_case readme
	atf_add_test_case registered
}
