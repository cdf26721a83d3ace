#!/bin/sh
# Creates the account that weaved's unprivileged processes run as.
set -eu

PATH=$PATH:/usr/sbin:/sbin
if getent passwd _weaved >/dev/null; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "not root: account _weaved not created" >&2
	exit 0
fi
useradd --system --user-group --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin --comment weaved _weaved
