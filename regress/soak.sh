#!/bin/sh
# Random connects, kills and restarts among five nodes for SOAK_SECONDS (600);
# the exit status says whether they end well. What happens: net/soak_test.c.
#
#   soak.sh BUILD
set -u

build=$(realpath "$1") || exit 2
SOAK_SECONDS=${SOAK_SECONDS:-600}
export SOAK_SECONDS
echo "soak: five nodes for $SOAK_SECONDS seconds"
exec "$build/regress/net/soak_test" churn
