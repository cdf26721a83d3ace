# What both programs answer to the options that all programs have.

atf_test_case help
help_head() {
	atf_set descr "-h and --help print the usage and leave with 0"
}
help_body() {
	for program in weaved weavectl weave-net; do
		for option in -h --help; do
			atf_check -o match:"usage: $program" -e empty \
			    "$WEAVED_BUILDDIR/$program" "$option"
		done
	done
}

atf_test_case version
version_head() {
	atf_set descr "-V and --version print the version and leave with 0"
}
version_body() {
	for program in weaved weavectl weave-net; do
		for option in -V --version; do
			atf_check -o match:"^$program [0-9]+\.[0-9]+\.[0-9]+$" \
			    -e empty "$WEAVED_BUILDDIR/$program" "$option"
		done
	done
}

atf_test_case unknown
unknown_head() {
	atf_set descr "an unknown option leaves with 2 and says so"
}
unknown_body() {
	for program in weaved weavectl weave-net; do
		for option in -% --dance; do
			atf_check -s exit:2 -o empty -e not-empty \
			    "$WEAVED_BUILDDIR/$program" "$option"
		done
	done
}

atf_test_case example
example_head() {
	atf_set descr "the example configuration is valid, commented or not"
}
example_body() {
	sed -n '/^#[a-z-]*: /s/^#//p' "$WEAVED_SRCDIR/etc/weaved.conf" >all
	atf_check test -s all
	echo "password-file: $PWD/password" >>all
	sed -i '/^password-file: .etc/d' all
	(umask 077 && echo "a password" >password)
	for file in "$WEAVED_SRCDIR/etc/weaved.conf" all; do
		atf_check -o ignore -e ignore "$WEAVED_BUILDDIR/weaved" -n \
		    -o "password-file=$PWD/password" -f "$file"
	done
}

atf_init_test_cases() {
	atf_add_test_case help
	atf_add_test_case version
	atf_add_test_case unknown
	atf_add_test_case example
}
