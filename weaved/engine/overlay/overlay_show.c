#include "weaved/engine/overlay/overlay_internal.h"

#include <stdio.h>
#include <string.h>

struct show_arg {
	mesh_emit emit;
	void *arg;
	uint64_t now;
};

static void show_mac(void *, const uint8_t[6], uint64_t, uint64_t);
static void show_counter(const struct show_arg *, const char *, uint64_t);
static void show_counters(const struct overlay *, const struct show_arg *);

static void
show_mac(void *arg, const uint8_t mac[6], uint64_t peer, uint64_t seen)
{
	const struct show_arg *show = arg;
	struct ctl_mac row = {
	    .peer = peer, .age = (uint32_t)((show->now - seen) / 1000)};

	memcpy(row.mac, mac, sizeof(row.mac));
	show->emit(show->arg, CTL_MAC, &row, sizeof(row));
}

static void
show_counter(const struct show_arg *show, const char *name, uint64_t value)
{
	struct ctl_counter row = {.value = value};

	snprintf(row.name, sizeof(row.name), "overlay.%s", name);
	show->emit(show->arg, CTL_COUNTER, &row, sizeof(row));
}

static void
show_counters(const struct overlay *overlay, const struct show_arg *show)
{
	const struct overlay_counters *counters = &overlay->counters;
	char name[48];

	show_counter(show, "tap.frames_in", counters->tap_frames_in);
	show_counter(show, "tap.frames_out", counters->tap_frames_out);
	show_counter(show, "relayed", counters->relayed);
	show_counter(show, "mac.moves", counters->mac_moves);
	show_counter(show, "mac.local_moves", counters->local_mac_moves);
	show_counter(show, "mac.held", counters->mac_held);
	show_counter(show, "address_changes", counters->address_changes);
	show_counter(show, "mtu_searches", counters->mtu_searches);
	for (int i = 0; i < OVERLAY_DROP_MAX; i++) {
		snprintf(name, sizeof(name), "drop.%s",
		    overlay_drop_name((enum overlay_drop)i));
		show_counter(show, name, counters->drop[i]);
	}
}

void
overlay_show(const struct overlay *overlay, uint32_t parts, mesh_emit emit,
    void *arg, uint64_t now)
{
	struct show_arg show = {emit, arg, now};

	if ((parts & CTL_SHOW_MACS) != 0)
		mactable_walk(overlay->macs, now, show_mac, &show);
	if ((parts & CTL_SHOW_COUNTERS) != 0)
		show_counters(overlay, &show);
}
