#include "weaved/engine/overlay/switch.h"

#include <string.h>

static bool list_has(const char *, const char *);

static const char *const kind_names[OVERLAY_KINDS] = {
    [OVERLAY_SLEEVE] = "sleeve",
};

static bool
list_has(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *word = list;

	while (*word != '\0') {
		size_t n = strcspn(word, " ");

		if (n == len && memcmp(word, name, n) == 0)
			return true;
		word += n;
		word += strspn(word, " ");
	}
	return false;
}

bool
switch_init(struct overlay_switch *sw, const char *theirs)
{
	memset(sw, 0, sizeof(*sw));
	sw->compat = theirs == NULL;
	for (int kind = 0; kind < OVERLAY_KINDS; kind++) {
		if (theirs == NULL ? kind == OVERLAY_SLEEVE
				   : list_has(theirs, kind_names[kind]))
			sw->kinds[sw->count++] = (enum overlay_kind)kind;
	}
	return sw->count != 0;
}

bool
switch_decode(const struct overlay_switch *sw, uint8_t outer,
    const uint8_t *payload, size_t len, struct overlay_message *message)
{
	if (sw->compat) {
		if (outer == 0 || outer > SWITCH_COMPAT_LAST)
			return false;
		message->kind = OVERLAY_SLEEVE;
		message->tag = outer;
		message->body = payload;
		message->len = len;
		return true;
	}
	if (len < 2 || payload[0] >= sw->count)
		return false;
	message->kind = sw->kinds[payload[0]];
	message->tag = payload[1];
	message->body = payload + 2;
	message->len = len - 2;
	return true;
}

bool
switch_encode(const struct overlay_switch *sw,
    const struct overlay_message *message, uint8_t *outer,
    uint8_t payload[SWITCH_BODY_MAX + 2], size_t *len)
{
	size_t index = 0, header = sw->compat ? 0 : 2;

	while (index < sw->count && sw->kinds[index] != message->kind)
		index++;
	if (index == sw->count || message->len > SWITCH_BODY_MAX)
		return false;
	if (sw->compat) {
		*outer = message->tag;
	} else {
		*outer = SWITCH_TAG;
		payload[0] = (uint8_t)index;
		payload[1] = message->tag;
	}
	if (message->len != 0)
		memcpy(payload + header, message->body, message->len);
	*len = header + message->len;
	return true;
}
