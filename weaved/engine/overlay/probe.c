#include "weaved/engine/overlay/probe.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 30 /* up to the numbers */
#define DRAIN_MS 300 /* for the last echoes */
#define PING_MS 10 /* at rest */
#define ASK_US 2500 /* under load */
#define DECIDE_MS 50
#define RATE_FIRST 1250000 /* bytes a second */
#define RATE_LEAST 125000
#define QUEUE_US 2000 /* beyond the round trip at rest: too fast */
#define SAMPLES_MAX 16384
#define SESSION_IDLE_MS 2000

struct probe_session {
	uint64_t peer;
	uint64_t session;
	uint64_t seen; /* ms; 0: free */
	uint64_t frames;
	uint64_t bytes;
};

struct probe_samples {
	size_t count;
	uint32_t us[SAMPLES_MAX];
};

/* What the peer had counted when an echo came. */
struct probe_mark {
	uint64_t at; /* us */
	uint64_t sent; /* frames up to the one echoed */
	uint64_t frames;
	uint64_t bytes;
};

struct probe {
	const struct probe_ops *ops;
	void *arg;
	struct probe_session sessions[PROBE_SESSIONS];
	uint64_t echo_second; /* in which so many echoes */
	uint32_t echoes;

	bool running;
	bool done;
	uint64_t peer;
	uint64_t session;
	size_t len;
	uint64_t start; /* ms, as load, half, stop and end */
	uint64_t load;
	uint64_t half;
	uint64_t stop;
	uint64_t end;
	uint64_t sequence;
	uint64_t rate; /* bytes a second */
	uint64_t rate_max;
	uint64_t tokens; /* thousandths of a byte */
	uint64_t filled; /* ms */
	uint64_t ping; /* ms */
	uint64_t asked; /* us */
	uint64_t decide; /* ms */
	uint64_t worst; /* us, round trip since the last decision */
	uint32_t base; /* us, median at rest */
	struct probe_mark last;
	struct probe_mark decided;
	struct probe_mark half_mark; /* the last before that time */
	struct probe_mark stop_mark;
	struct probe_samples rest;
	struct probe_samples loaded;
	uint8_t out[PROBE_FRAME_MAX];
};

static const uint8_t header[] = {0x02, 'W', 'e', 'a', 'v', 'e', 0x02, 'W', 'e',
    'a', 'v', 'd', 0x88, 0xb5, 'w', 'b', 'c', 'h'};
_Static_assert(sizeof(header) + 12 == HEADER, "kind, asks and zeros");

static void put64(uint8_t *, uint64_t);
static uint64_t get64(const uint8_t *);
static void probe_send(struct probe *, size_t, bool, uint64_t);
static void probe_load(struct probe *, uint64_t);
static void probe_decide(struct probe *, uint64_t);
static void probe_echoed(struct probe *, const struct probe_frame *, uint64_t);
static bool probe_may_echo(struct probe *, uint64_t);
static struct probe_session *probe_session(
    struct probe *, uint64_t, uint64_t, uint64_t);
static void probe_data(
    struct probe *, uint64_t, const struct probe_frame *, size_t, uint64_t);
static void samples_sort(struct probe_samples *);
static uint32_t samples_part(struct probe_samples *, unsigned);

static void
put64(uint8_t *out, uint64_t value)
{
	value = htobe64(value);
	memcpy(out, &value, sizeof(value));
}

static uint64_t
get64(const uint8_t *in)
{
	uint64_t value;

	memcpy(&value, in, sizeof(value));
	return be64toh(value);
}

struct probe *
probe_new(const struct probe_ops *ops, void *arg)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (probe == NULL)
		return NULL;
	probe->ops = ops;
	probe->arg = arg;
	return probe;
}

void
probe_free(struct probe *probe)
{
	free(probe);
}

bool
probe_is(const uint8_t *data, size_t len)
{
	return len >= 14 && memcmp(data, header, 6) == 0;
}

void
probe_encode(const struct probe_frame *frame, uint8_t out[PROBE_FRAME_MIN])
{
	memset(out, 0, PROBE_FRAME_MIN);
	memcpy(out, header, sizeof(header));
	out[sizeof(header)] = frame->kind;
	out[sizeof(header) + 1] = frame->asks;
	put64(out + HEADER, frame->session);
	put64(out + HEADER + 8, frame->sequence);
	put64(out + HEADER + 16, frame->stamp);
	put64(out + HEADER + 24, frame->frames);
	put64(out + HEADER + 32, frame->bytes);
}

bool
probe_decode(const uint8_t *data, size_t len, struct probe_frame *frame)
{
	const uint8_t *kind = data + sizeof(header);

	if (len < PROBE_FRAME_MIN || memcmp(data, header, sizeof(header)) != 0)
		return false;
	if ((kind[0] != PROBE_DATA && kind[0] != PROBE_ECHO) || kind[1] > 1)
		return false;
	*frame = (struct probe_frame){.kind = kind[0],
	    .asks = kind[1],
	    .session = get64(data + HEADER),
	    .sequence = get64(data + HEADER + 8),
	    .stamp = get64(data + HEADER + 16),
	    .frames = get64(data + HEADER + 24),
	    .bytes = get64(data + HEADER + 32)};
	return true;
}

/*
 * Measuring.
 */

bool
probe_start(struct probe *probe, uint64_t peer, uint64_t session, size_t len,
    uint32_t seconds, uint32_t mbits, uint64_t now)
{
	if (probe->running || len < PROBE_FRAME_MIN || len > PROBE_FRAME_MAX ||
	    seconds == 0 || seconds > CTL_BENCH_SECONDS_MAX || mbits == 0 ||
	    mbits > CTL_BENCH_MBITS_MAX)
		return false;
	probe->running = true;
	probe->done = false;
	probe->peer = peer;
	probe->session = session;
	probe->len = len;
	probe->start = now;
	probe->load = now + seconds * 200;
	probe->half = now + seconds * 600;
	probe->stop = now + seconds * 1000;
	probe->end = probe->stop + DRAIN_MS;
	probe->sequence = 0;
	probe->rate_max = mbits * UINT64_C(125000);
	probe->rate =
	    RATE_FIRST < probe->rate_max ? RATE_FIRST : probe->rate_max;
	probe->tokens = 0;
	probe->filled = probe->load;
	probe->ping = now;
	probe->asked = 0;
	probe->decide = probe->load + DECIDE_MS;
	probe->worst = 0;
	probe->base = 0;
	probe->last = probe->decided = (struct probe_mark){0};
	probe->half_mark = probe->stop_mark = (struct probe_mark){0};
	probe->rest.count = probe->loaded.count = 0;
	return true;
}

void
probe_cancel(struct probe *probe)
{
	probe->running = probe->done = false;
}

bool
probe_running(const struct probe *probe)
{
	return probe->running;
}

static void
probe_send(struct probe *probe, size_t len, bool asks, uint64_t now)
{
	struct probe_frame frame = {.kind = PROBE_DATA,
	    .asks = asks,
	    .session = probe->session,
	    .sequence = probe->sequence++,
	    .stamp = probe->ops->clock(probe->arg)};

	probe_encode(&frame, probe->out);
	probe->ops->send(probe->arg, probe->peer, probe->out, len, now);
}

/* Faster by half while nothing is lost and nothing queues, else slower. */
static void
probe_decide(struct probe *probe, uint64_t now)
{
	uint64_t sent = probe->last.sent - probe->decided.sent;
	uint64_t frames = probe->last.frames - probe->decided.frames;
	bool lost = sent > frames && (sent - frames) * 200 > sent;

	if (now < probe->decide)
		return;
	probe->decide = now + DECIDE_MS;
	if (lost || sent == 0 ||
	    probe->worst > (uint64_t)probe->base * 2 + QUEUE_US)
		probe->rate = probe->rate * 7 / 10;
	else
		probe->rate = probe->rate * 3 / 2;
	if (probe->rate > probe->rate_max)
		probe->rate = probe->rate_max;
	if (probe->rate < RATE_LEAST)
		probe->rate = RATE_LEAST;
	probe->decided = probe->last;
	probe->worst = 0;
}

/* What could not be sent in its time is not made up for. */
static void
probe_load(struct probe *probe, uint64_t now)
{
	uint64_t cost = probe->len * 1000,
		 clock = probe->ops->clock(probe->arg);
	bool asks;

	if (probe->base == 0)
		probe->base = samples_part(&probe->rest, 50);
	probe_decide(probe, now);
	probe->tokens += (now - probe->filled) * probe->rate;
	probe->filled = now;
	if (probe->tokens > cost * PROBE_BURST)
		probe->tokens = cost * PROBE_BURST;
	if (probe->ops->busy(probe->arg))
		return;
	for (; probe->tokens >= cost; probe->tokens -= cost) {
		asks = clock - probe->asked >= ASK_US;
		if (asks)
			probe->asked = clock;
		probe_send(probe, probe->len, asks, now);
	}
}

uint64_t
probe_tick(struct probe *probe, uint64_t now)
{
	if (!probe->running)
		return UINT64_MAX;
	if (now >= probe->end) {
		probe->running = false;
		probe->done = true;
		return UINT64_MAX;
	}
	if (now >= probe->load && now < probe->stop) {
		probe_load(probe, now);
		return now + 1;
	}
	if (now >= probe->ping) {
		probe->ping = now + PING_MS;
		probe_send(probe, PROBE_FRAME_MIN, true, now);
	}
	return probe->ping;
}

/* An echo that overtook another is older news. */
static void
probe_echoed(struct probe *probe, const struct probe_frame *frame, uint64_t now)
{
	uint64_t clock = probe->ops->clock(probe->arg);
	uint64_t us = clock - frame->stamp;
	struct probe_samples *samples =
	    now < probe->load ? &probe->rest : &probe->loaded;

	if (!probe->running || frame->session != probe->session ||
	    frame->sequence >= probe->sequence ||
	    frame->frames > probe->sequence || frame->stamp > clock ||
	    us > UINT32_MAX || frame->sequence < probe->last.sent ||
	    frame->frames < probe->last.frames ||
	    frame->bytes < probe->last.bytes ||
	    frame->bytes > probe->sequence * probe->len)
		return;
	probe->last = (struct probe_mark){
	    clock, frame->sequence + 1, frame->frames, frame->bytes};
	if (now < probe->half)
		probe->half_mark = probe->last;
	if (us > probe->worst)
		probe->worst = us;
	if (now >= probe->stop)
		return;
	probe->stop_mark = probe->last;
	if (samples->count < SAMPLES_MAX)
		samples->us[samples->count++] = (uint32_t)us;
}

/*
 * Answering.
 */

static bool
probe_may_echo(struct probe *probe, uint64_t now)
{
	if (now / 1000 != probe->echo_second) {
		probe->echo_second = now / 1000;
		probe->echoes = 0;
	}
	return probe->echoes++ < PROBE_ECHOES;
}

/* NULL: enough others are measuring. */
static struct probe_session *
probe_session(
    struct probe *probe, uint64_t peer, uint64_t session, uint64_t now)
{
	struct probe_session *found = NULL;

	for (size_t i = 0; i < PROBE_SESSIONS; i++) {
		struct probe_session *s = &probe->sessions[i];

		if (s->seen != 0 && s->peer == peer && s->session == session)
			return s;
		if (s->seen == 0 || now - s->seen > SESSION_IDLE_MS)
			found = s;
	}
	if (found != NULL)
		*found =
		    (struct probe_session){.peer = peer, .session = session};
	return found;
}

static void
probe_data(struct probe *probe, uint64_t peer, const struct probe_frame *frame,
    size_t len, uint64_t now)
{
	struct probe_session *session =
	    probe_session(probe, peer, frame->session, now);
	uint8_t out[PROBE_FRAME_MIN];
	struct probe_frame echo = *frame;

	if (session == NULL)
		return;
	session->seen = now;
	session->frames++;
	session->bytes += len;
	if (!frame->asks || !probe_may_echo(probe, now))
		return;
	echo.kind = PROBE_ECHO;
	echo.asks = false;
	echo.frames = session->frames;
	echo.bytes = session->bytes;
	probe_encode(&echo, out);
	probe->ops->send(probe->arg, peer, out, sizeof(out), now);
}

void
probe_receive(struct probe *probe, uint64_t peer, const uint8_t *data,
    size_t len, uint64_t now)
{
	struct probe_frame frame;

	if (!probe_decode(data, len, &frame))
		return;
	if (frame.kind == PROBE_DATA)
		probe_data(probe, peer, &frame, len, now);
	else if (peer == probe->peer)
		probe_echoed(probe, &frame, now);
}

/*
 * The result.
 */

/* Shell's; qsort(3) asks for what the sandbox has not. */
static void
samples_sort(struct probe_samples *samples)
{
	uint32_t *us = samples->us, value;
	size_t j;

	for (size_t gap = SAMPLES_MAX / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < samples->count; i++) {
			value = us[i];
			for (j = i; j >= gap && us[j - gap] > value; j -= gap)
				us[j] = us[j - gap];
			us[j] = value;
		}
	}
}

/* Of 100 so many take no longer. */
static uint32_t
samples_part(struct probe_samples *samples, unsigned percent)
{
	if (samples->count == 0)
		return 0;
	samples_sort(samples);
	return samples->us[(samples->count - 1) * percent / 100];
}

bool
probe_result(struct probe *probe, struct ctl_bench_result *row)
{
	const struct probe_mark *from = &probe->half_mark;
	const struct probe_mark *to = &probe->stop_mark, *all = &probe->last;

	if (!probe->done)
		return false;
	probe->done = false;
	memset(row, 0, sizeof(*row));
	row->peer = probe->peer;
	row->frame = (uint32_t)probe->len;
	row->seconds = (uint32_t)((probe->stop - probe->start) / 1000);
	row->mbits = (uint32_t)(probe->rate_max / 125000);
	row->sent = all->sent;
	row->received = all->frames < all->sent ? all->frames : all->sent;
	if (to->at > from->at)
		row->throughput = (to->bytes - from->bytes) * 8 * 1000000 /
		    (to->at - from->at);
	row->rest_samples = (uint32_t)probe->rest.count;
	row->load_samples = (uint32_t)probe->loaded.count;
	row->rest_median = samples_part(&probe->rest, 50);
	row->rest_99 = samples_part(&probe->rest, 99);
	row->load_median = samples_part(&probe->loaded, 50);
	row->load_99 = samples_part(&probe->loaded, 99);
	return true;
}
