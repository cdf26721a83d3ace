#include "weaved/local.h"

bool
local_ranges_ok(const struct imsg_local *local)
{
	uint32_t last = 0;

	if (local->n > LOCAL_RANGES_MAX || local->on > 1)
		return false;
	for (size_t i = 0; i < local->n; i++) {
		if (local->ranges[i].start < last ||
		    local->ranges[i].start >= local->ranges[i].end)
			return false;
		last = local->ranges[i].end;
	}
	return true;
}
