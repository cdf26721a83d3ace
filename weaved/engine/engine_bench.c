/*
 * What control asks to be measured: towards whom, one at a time, until the
 * overlay has the result or the client goes away.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"

struct search {
	const char *text;
	uint64_t name; /* text as one, PEERNAME_UNKNOWN: it is none */
	unsigned peers; /* that match */
	bool self;
	bool connected;
	struct ctl_connection connection;
};

static bool search_matches(const struct search *, uint64_t, const char *);
static void search_row(void *, uint32_t, const void *, size_t);
static const char *bench_find(const char *, struct ctl_connection *, uint64_t);
static const char *bench_start(const struct ctl_bench *);
static void bench_end(uint32_t, const char *);

static bool
search_matches(const struct search *search, uint64_t name, const char *nickname)
{
	if (search->name != PEERNAME_UNKNOWN)
		return name == search->name;
	return strcmp(nickname, search->text) == 0;
}

static void
search_row(void *arg, uint32_t type, const void *row, size_t len)
{
	const struct ctl_connection *connection = row;
	const struct ctl_peer *peer = row;
	struct search *search = arg;

	(void)len;
	if (type == CTL_PEER &&
	    search_matches(search, peer->name, peer->nickname)) {
		search->peers++;
		search->self = peer->self;
	} else if (type == CTL_CONNECTION &&
	    connection->state == CTL_ESTABLISHED && connection->has_peer &&
	    search_matches(search, connection->peer, connection->nickname)) {
		search->connected = true;
		search->connection = *connection;
	}
}

/*
 * The neighbour of this name or nickname, which runs weaved. NULL, or why
 * there is none, in a static buffer.
 */
static const char *
bench_find(const char *text, struct ctl_connection *peer, uint64_t now)
{
	static char error[CTL_CAUSE_MAX];
	struct search search = {.text = text};
	const char *why = NULL;

	if (!peername_parse(text, &search.name))
		search.name = PEERNAME_UNKNOWN;
	mesh_show(engine.mesh, CTL_SHOW_PEERS | CTL_SHOW_CONNECTIONS,
	    search_row, &search, now);
	if (search.peers == 0)
		why = "is no peer of this mesh";
	else if (search.peers > 1)
		why = "is the nickname of several peers: give the name";
	else if (search.self)
		why = "is this host itself";
	else if (!search.connected)
		why = "is not connected to this host directly";
	else if (!search.connection.weaved)
		why = "does not run weaved and cannot answer";
	if (why == NULL) {
		*peer = search.connection;
		return NULL;
	}
	snprintf(error, sizeof(error), "%s %s", text, why);
	return error;
}

static const char *
bench_start(const struct ctl_bench *bench)
{
	uint64_t session, now = proc_now();
	struct ctl_connection peer;
	const char *error;

	if (engine.mesh == NULL)
		return "weaved is starting, try again";
	if ((error = bench_find(bench->peer, &peer, now)) != NULL)
		return error;
	randombytes_buf(&session, sizeof(session));
	error =
	    overlay_probe_start(engine.overlay, peer.peer, session, bench, now);
	if (error == NULL)
		memcpy(engine.bench_nickname, peer.nickname,
		    sizeof(engine.bench_nickname));
	return error;
}

void
engine_handle_bench(void *arg, struct imsg *imsg)
{
	struct ctl_bench bench;
	const char *error;

	(void)arg;
	memcpy(&bench, imsg->data, sizeof(bench));
	bench.peer[sizeof(bench.peer) - 1] = '\0';
	if ((error = bench_start(&bench)) != NULL)
		bench_end(imsg->hdr.id, error);
	else
		engine.bench_id = imsg->hdr.id;
	engine_tick();
}

/* error NULL: done. */
static void
bench_end(uint32_t id, const char *error)
{
	struct ctl_end end = {0};

	if (error != NULL) {
		end.status = 1;
		strlcpy(end.text, error, sizeof(end.text));
	}
	engine_reply(id, IMSG_END, &end, sizeof(end));
}

void
engine_bench_finish(void)
{
	uint32_t id = engine.bench_id;
	struct ctl_bench_result row;

	if (id == 0 || !overlay_probe_result(engine.overlay, &row))
		return;
	engine.bench_id = 0;
	if (row.sent == 0) {
		bench_end(
		    id, "the peer did not answer; its weaved may be too old");
		return;
	}
	memcpy(row.nickname, engine.bench_nickname, sizeof(row.nickname));
	engine.show_id = id;
	engine_emit(NULL, CTL_BENCH_RESULT, &row, sizeof(row));
	bench_end(id, NULL);
}

void
engine_bench_cancel(void)
{
	if (engine.bench_id == 0)
		return;
	engine.bench_id = 0;
	overlay_probe_cancel(engine.overlay);
}
