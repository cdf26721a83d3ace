#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/kube/peers.h"

#define PREFIX "kube-peers.weave.works/"
#define LIST_KEY PREFIX "peers"
#define KEY_MAX (sizeof(PREFIX) + PEERNAME_STRLEN)

static json_t *annotations(const struct peers *);
static void taker_key(uint64_t, char[KEY_MAX]);
static bool entry_is(const json_t *, uint64_t);
static bool store(struct peers *);

static json_t *
annotations(const struct peers *peers)
{
	return json_object_get(
	    json_object_get(peers->map, "metadata"), "annotations");
}

static void
taker_key(uint64_t peer, char key[KEY_MAX])
{
	char name[PEERNAME_STRLEN];

	snprintf(key, KEY_MAX, PREFIX "%s", peername_format(peer, name));
	for (char *c = key + sizeof(PREFIX) - 1; *c != '\0'; c++)
		if (*c == ':')
			*c = '_';
}

/* A list that can not be read is not written over: no part of it is ours. */
bool
peers_parse(struct peers *peers, const char *data, size_t len)
{
	const char *text;
	json_t *meta, *record = NULL, *list = NULL;

	peers_clear(peers);
	peers->map = json_loadb(data, len, 0, NULL);
	meta = json_object_get(peers->map, "metadata");
	if (!json_is_object(meta))
		goto bad;
	if (!json_is_object(annotations(peers)) &&
	    json_object_set_new(meta, "annotations", json_object()) == -1)
		goto bad;
	text = json_string_value(json_object_get(annotations(peers), LIST_KEY));
	if (text != NULL) {
		record = json_loads(text, 0, NULL);
		list = json_object_get(record, "Peers");
		if (!json_is_object(record) ||
		    (list != NULL && !json_is_array(list) &&
			!json_is_null(list)) ||
		    json_array_size(list) > PEERS_MAX)
			goto bad;
	}
	peers->list = json_is_array(list) ? json_incref(list) : json_array();
	json_decref(record);
	if (peers->list != NULL)
		return true;
	record = NULL;
bad:
	json_decref(record);
	peers_clear(peers);
	return false;
}

void
peers_clear(struct peers *peers)
{
	json_decref(peers->map);
	json_decref(peers->list);
	peers->map = peers->list = NULL;
}

void
peers_uid(const struct peers *peers, char uid[KUBE_LIST_MAX])
{
	const char *text = json_string_value(
	    json_object_get(json_object_get(peers->map, "metadata"), "uid"));

	uid[0] = '\0';
	if (text != NULL && strlen(text) < KUBE_LIST_MAX &&
	    strspn(text, "0123456789abcdefABCDEF-") == strlen(text))
		strlcpy(uid, text, KUBE_LIST_MAX);
}

size_t
peers_count(const struct peers *peers)
{
	return json_array_size(peers->list);
}

bool
peers_get(const struct peers *peers, size_t index, struct peers_entry *entry)
{
	const json_t *object = json_array_get(peers->list, index);
	const char *name =
	    json_string_value(json_object_get(object, "PeerName"));
	const char *node =
	    json_string_value(json_object_get(object, "NodeName"));

	return name != NULL && node != NULL &&
	    strlcpy(entry->node, node, sizeof(entry->node)) <
	    sizeof(entry->node) &&
	    peername_parse(name, &entry->peer);
}

static bool
entry_is(const json_t *object, uint64_t peer)
{
	const char *name =
	    json_string_value(json_object_get(object, "PeerName"));
	uint64_t found;

	return name != NULL && peername_parse(name, &found) && found == peer;
}

bool
peers_has(const struct peers *peers, uint64_t peer, const char *node)
{
	struct peers_entry entry;

	for (size_t i = 0; i < peers_count(peers); i++)
		if (peers_get(peers, i, &entry) && entry.peer == peer &&
		    strcmp(entry.node, node) == 0)
			return true;
	return false;
}

bool
peers_has_peer(const struct peers *peers, uint64_t peer)
{
	for (size_t i = 0; i < peers_count(peers); i++)
		if (entry_is(json_array_get(peers->list, i), peer))
			return true;
	return false;
}

bool
peers_taker(const struct peers *peers, uint64_t peer, uint64_t *taker)
{
	char key[KEY_MAX];
	const char *text;

	taker_key(peer, key);
	text = json_string_value(json_object_get(annotations(peers), key));
	if (text == NULL)
		return false;
	/* A note that can not be read is somebody's all the same. */
	if (!peername_parse(text, taker))
		*taker = PEERNAME_UNKNOWN;
	return true;
}

/* The list goes back into its annotation. */
static bool
store(struct peers *peers)
{
	json_t *record = json_pack("{s:O}", "Peers", peers->list);
	char *text = record == NULL ? NULL : json_dumps(record, JSON_COMPACT);
	bool done = text != NULL &&
	    json_object_set_new(
		annotations(peers), LIST_KEY, json_string(text)) == 0;

	free(text);
	json_decref(record);
	return done;
}

/* A peer that has another node now is not gone with the old one. */
bool
peers_add(struct peers *peers, uint64_t peer, const char *node)
{
	char name[PEERNAME_STRLEN];

	for (size_t i = json_array_size(peers->list); i-- > 0;)
		if (entry_is(json_array_get(peers->list, i), peer))
			json_array_remove(peers->list, i);
	return json_array_append_new(peers->list,
		   json_pack("{s:s, s:s}", "PeerName",
		       peername_format(peer, name), "NodeName", node)) == 0 &&
	    store(peers);
}

bool
peers_set_taker(struct peers *peers, uint64_t peer, uint64_t taker)
{
	char key[KEY_MAX], name[PEERNAME_STRLEN];

	taker_key(peer, key);
	return json_object_set_new(annotations(peers), key,
		   json_string(peername_format(taker, name))) == 0;
}

bool
peers_remove(struct peers *peers, uint64_t peer)
{
	json_t *notes = annotations(peers), *value;
	char key[KEY_MAX], name[PEERNAME_STRLEN];
	const char *at;
	void *next;

	taker_key(peer, key);
	json_object_del(notes, key);
	peername_format(peer, name);
	json_object_foreach_safe(notes, next, at,
	    value) if (strncmp(at, PREFIX, sizeof(PREFIX) - 1) == 0 &&
	    json_is_string(value) &&
	    strcmp(json_string_value(value), name) == 0)
	    json_object_del(notes, at);
	for (size_t i = json_array_size(peers->list); i-- > 0;)
		if (entry_is(json_array_get(peers->list, i), peer))
			json_array_remove(peers->list, i);
	return store(peers);
}

char *
peers_format(struct peers *peers)
{
	return json_dumps(peers->map, JSON_COMPACT);
}
