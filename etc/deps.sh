#!/bin/sh
# Installs those of the Debian packages given that are missing, and says which.
# Only root can; everybody else is told the command.
set -eu

command -v dpkg-query >/dev/null || exit 0

missing=
for package; do
	status=$(dpkg-query -W -f '${db:Status-Status} ' "$package" \
	    2>/dev/null) || status=
	case $status in
	*installed*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages; as root: apt-get install$missing" >&2
	exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
install() { apt-get install -qq -y --no-install-recommends $missing; }
# Tests run their own Prometheus: the package's service is not to start.
service=
case "$missing " in
*" prometheus "*) [ ! -d /run/systemd/system ] || service=prometheus ;;
esac
[ -z "$service" ] || systemctl -q mask --runtime "$service" || service=
install >/dev/null 2>&1 || { apt-get update -qq && install >/dev/null; }
[ -z "$service" ] || { systemctl -q unmask --runtime "$service" &&
    systemctl -q disable "$service"; }
