#!/bin/sh
# Creates the accounts that weaved's unprivileged processes run as.
set -eu

PATH=$PATH:/usr/sbin:/sbin
for account in _weaved _weavednet; do
	if getent passwd $account >/dev/null; then
		continue
	fi
	if [ "$(id -u)" -ne 0 ]; then
		echo "not root: account $account not created" >&2
		continue
	fi
	useradd --system --user-group --no-create-home \
	    --home-dir /nonexistent --shell /usr/sbin/nologin \
	    --comment weaved $account
done
