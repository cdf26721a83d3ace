#!/bin/sh
# Weave Net's script under its old name, /home/weave/weave, for those who call
#
#   kubectl -n kube-system exec POD -- /home/weave/weave --local status ...
#
# All is here and local: the rest is weavectl's.
[ "${1:-}" != --local ] || shift
exec weavectl "$@"
