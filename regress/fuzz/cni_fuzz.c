/*
 * A network configuration as the CNI plugin reads it: refused with a code and
 * words, or its prevResult is printed again in every version, and what is
 * printed parses to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "weave-net/netconf.h"
#include "weave-net/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void require_said(const struct cni_error *);
static void round_trip(const struct result *, enum netconf_version);

static void
require_said(const struct cni_error *error)
{
	json_t *root = cni_error_json(error, "1.0.0");

	if (error->code == CNI_OK || error->msg[0] == '\0' || root == NULL)
		abort();
	json_decref(root);
}

static void
round_trip(const struct result *result, enum netconf_version version)
{
	json_t *root = result_build(result, version), *again;
	struct cni_error error = {0};
	struct result parsed;

	if (result_parse(&parsed, root, &error) == -1)
		abort();
	again = result_build(&parsed, version);
	if (!json_equal(root, again))
		abort();
	json_decref(again);
	json_decref(root);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_error error = {0};
	struct netconf conf;
	struct result result;
	json_t *root;

	root = netconf_load((const char *)data, size, &error);
	if (root == NULL) {
		require_said(&error);
		return 0;
	}
	if (netconf_parse(&conf, root, &error) == -1)
		require_said(&error);
	else if (conf.prev != NULL) {
		if (result_parse(&result, conf.prev, &error) == -1)
			require_said(&error);
		else
			for (int i = 0; i < VERSIONS; i++)
				round_trip(&result, (enum netconf_version)i);
	}
	netconf_free(&conf);
	return 0;
}
