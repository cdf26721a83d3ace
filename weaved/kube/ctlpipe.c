#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/kube/ctlpipe.h"

static struct {
	const struct ctlpipe_ops *ops;
	void *arg;
	struct pipe *pipe; /* NULL: none */
	bool hello; /* answered */
	uint32_t id; /* under way, 0: none */
	uint32_t last_id;
} it;

static void ctlpipe_ended(void *, enum pipe_end);
static void ctlpipe_handle_hello(void *, struct imsg *);
static void ctlpipe_handle_end(void *, struct imsg *);
static void ctlpipe_handle_row(void *, struct imsg *);
static void ctlpipe_distrust(void);

#define ROW(type, structure) \
	DISPATCH(type, struct structure, ctlpipe_handle_row)

/* Only what we ask for. */
static const struct dispatch_entry table[] = {
    DISPATCH(CTL_HELLO, struct ctl_hello, ctlpipe_handle_hello),
    DISPATCH(CTL_END, struct ctl_end, ctlpipe_handle_end),
    ROW(CTL_STATUS, ctl_status),
    ROW(CTL_PROCESS, ctl_process),
    ROW(CTL_SUBNET, ctl_subnet),
    ROW(CTL_PEER, ctl_peer),
    ROW(CTL_PEER_CONNECTION, ctl_peer_connection),
    ROW(CTL_TARGET, ctl_target),
    ROW(CTL_IPAM, ctl_ipam),
    ROW(CTL_IPAM_PEER, ctl_ipam_peer),
    ROW(CTL_IPAM_CONFLICT, ctl_ipam_conflict),
    ROW(CTL_IP_ANSWER, ctl_ip_answer),
};

void
ctlpipe_init(const struct ctlpipe_ops *ops, void *arg)
{
	it.ops = ops;
	it.arg = arg;
}

void
ctlpipe_connect(int fd)
{
	struct ctl_hello hello = {.version = CTL_VERSION};

	pipe_free(it.pipe);
	it.hello = false;
	it.id = 0;
	it.pipe = pipe_new(child_base(), fd, table,
	    sizeof(table) / sizeof(table[0]), ctlpipe_ended, NULL);
	if (it.pipe == NULL)
		fatal("pipe to control");
	strlcpy(hello.software, "weaved kube", sizeof(hello.software));
	pipe_send(it.pipe, CTL_HELLO, 0, -1, &hello, sizeof(hello));
}

static void
ctlpipe_distrust(void)
{
	log_error("malformed answer of control");
	ctlpipe_ended(NULL, PIPE_BROKEN);
}

static void
ctlpipe_ended(void *arg, enum pipe_end end)
{
	(void)arg;
	if (end == PIPE_BROKEN)
		child_distrust(PROC_CONTROL);
	pipe_free(it.pipe);
	it.pipe = NULL;
	it.hello = false;
	it.id = 0;
	it.ops->gone(it.arg);
}

static void
ctlpipe_handle_hello(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (it.hello || !ctl_valid(imsg->hdr.type, imsg->data, imsg->len)) {
		ctlpipe_distrust();
		return;
	}
	it.hello = true;
	it.ops->ready(it.arg);
}

static void
ctlpipe_handle_end(void *arg, struct imsg *imsg)
{
	struct ctl_end end;

	(void)arg;
	if (it.id == 0 || imsg->hdr.id != it.id ||
	    !ctl_valid(imsg->hdr.type, imsg->data, imsg->len)) {
		ctlpipe_distrust();
		return;
	}
	memcpy(&end, imsg->data, sizeof(end));
	it.id = 0;
	it.ops->done(it.arg, end.status == 0 ? NULL : end.text);
}

static void
ctlpipe_handle_row(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (it.id == 0 || imsg->hdr.id != it.id ||
	    !ctl_valid(imsg->hdr.type, imsg->data, imsg->len))
		ctlpipe_distrust();
	else
		it.ops->row(it.arg, imsg->hdr.type, imsg->data);
}

bool
ctlpipe_idle(void)
{
	return it.hello && it.id == 0;
}

void
ctlpipe_ask(uint32_t type, const void *data, size_t len)
{
	if (++it.last_id == 0)
		it.last_id = 1;
	it.id = it.last_id;
	pipe_send(it.pipe, type, it.id, -1, data, len);
}
