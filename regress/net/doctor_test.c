/*
 * "weavectl doctor" of a peer that is well, and of others that each lack one
 * thing: it names that.
 */
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"

#define REPORT_MAX 8192

static bool doctor_says(struct host *, const char *, int, const char *);
static void doctor_pair(struct pair *, const char *, const char *);

/* Run on the host, the text of "weavectl doctor PEER" holds all these lines, parted by "|". */
static bool
doctor_says(struct host *host, const char *peer, int status, const char *lines)
{
	char buf[REPORT_MAX], command[128], all[512], *line, *rest = all;
	int result;

	snprintf(command, sizeof(command), "doctor %s", peer);
	net_enter(host->ns);
	result = host_ctl(host, buf, sizeof(buf), command);
	net_leave(host->net);
	snprintf(all, sizeof(all), "%s", lines);
	while ((line = strsep(&rest, "|")) != NULL)
		if (strstr(buf, line) == NULL || result != status) {
			fprintf(
			    stderr, "%d, no \"%s\" in:\n%s", result, line, buf);
			return false;
		}
	return true;
}

/* What ails b's way to a, which it dials, after a while. */
static void
doctor_pair(struct pair *pair, const char *peer, const char *lines)
{
	NET_WAIT(60, doctor_says(pair->b, peer, 1, lines));
}

ATF_TC_WITHOUT_HEAD(well);
ATF_TC_BODY(well, tc)
{
	static const char all_ok[] = "ok       peer       5a:00:00:00:00:01"
				     "|ok       connection established"
				     "|ok       address    10.77.0.1 answers a "
				     "ping|ok       tcp"
				     "|ok       udp        packets pass"
				     "|ok       versions   version 3 (ours 3-3)"
				     "|ok       password   accepted"
				     "|ok       mtu        1414 fit, pods have "
				     "1376|ok       path       direct, sleeve"
				     "|ok       clock|ok       keys";
	struct pair pair = pair_new(NET_ENCRYPTED);
	json_t *root;

	pair_start(&pair, PAIR_MTU);
	NET_WAIT(30, doctor_says(pair.b, "host1", 0, all_ok));
	ATF_CHECK(doctor_says(pair.b, pair.a->name, 0, all_ok));
	ATF_CHECK(doctor_says(pair.b, "10.77.0.1", 0, all_ok));
	ATF_CHECK(doctor_says(pair.b, "10.77.0.1:6783", 0, all_ok));
	ATF_CHECK(doctor_says(pair.a, "host2", 0,
	    "tcp        connected: the "
	    "peer dialled"));
	root = host_show(pair.b, "doctor host1");
	ATF_CHECK_STREQ(
	    "ok", json_string_value(json_object_get(root, "Result")));
	ATF_CHECK_EQ(11, json_array_size(json_object_get(root, "Checks")));
	json_decref(root);
	ATF_CHECK(doctor_says(pair.b, "host2", 2, "this host itself"));
	ATF_CHECK(doctor_says(pair.b, "", 2, "doctor: PEER is missing"));
	ATF_CHECK(doctor_says(pair.b, "nobody", 1,
	    "problem  peer       nobody is no peer of this mesh"));
}

ATF_TC_WITHOUT_HEAD(wrong_password);
ATF_TC_BODY(wrong_password, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	snprintf(pair.b->password, sizeof(pair.b->password), "another one");
	host_start(pair.a);
	host_start(pair.b);
	doctor_pair(&pair, "10.77.0.1",
	    "ok       address|ok       tcp|ok       versions"
	    "|problem  password   password mismatch|compare the passwords");
	/* Who was dialled has it of a stranger's address only. */
	NET_WAIT(60, doctor_says(pair.a, "10.77.0.2", 1, "problem  password"));
}

ATF_TC_WITHOUT_HEAD(udp_closed);
ATF_TC_BODY(udp_closed, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_start(pair.a);
	net_run(pair.a->ns,
	    "nft 'add table ip shut; add chain ip shut in { type filter hook "
	    "input priority 0; }; add rule ip shut in udp dport %d drop'",
	    NET_PORT);
	host_start(pair.b);
	doctor_pair(&pair, "host1",
	    "problem  connection pending|ok       tcp|problem  udp"
	    "|let UDP port 6783 pass|ok       password");
}

ATF_TC_WITHOUT_HEAD(small_mtu);
ATF_TC_BODY(small_mtu, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	net_set_mtu(pair.net, 1280);
	pair_start(&pair, PAIR_MTU);
	doctor_pair(&pair, "host1",
	    "ok       connection|problem  mtu        only 1194 fit, pods have "
	    "1376|set mtu: 1194 on all");
}

ATF_TC_WITHOUT_HEAD(other_versions);
ATF_TC_BODY(other_versions, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "protocol", "weave");
	host_start(pair.a);
	host_start(pair.b);
	doctor_pair(&pair, "10.77.0.1",
	    "ok       tcp|problem  versions   theirs 2-2, ours 3-3"
	    "|protocol: mixed");
}

/* A host without a daemon, and an address without a host. */
ATF_TC_WITHOUT_HEAD(nobody_there);
ATF_TC_BODY(nobody_there, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_start(pair.b);
	doctor_pair(&pair, "10.77.0.1",
	    "ok       address|problem  tcp        port 6783: Connection "
	    "refused|does weaved run there|problem  path       none");
	doctor_pair(&pair, "10.77.0.99",
	    "problem  peer       10.77.0.99:6783 is no peer|weavectl connect "
	    "10.77.0.99|problem  address    10.77.0.99");
}

ATF_TC_WITHOUT_HEAD(relayed);
ATF_TC_BODY(relayed, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a = net_host(net), *b = net_host(net), *c = net_host(net);

	net_cut(a, c);
	host_peer(b, a->address);
	host_peer(c, b->address);
	host_start(a);
	host_start(b);
	host_start(c);
	NET_WAIT(30, host_connected(a, b) && host_connected(b, c));
	NET_WAIT(60,
	    doctor_says(a, "host3", 1,
		"ok       peer       5a:00:00:00:00:03(host3) at 10.77.0.3:6783"
		"|problem  path       relayed by 5a:00:00:00:00:02(host2)"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, well);
	ATF_TP_ADD_TC(tp, wrong_password);
	ATF_TP_ADD_TC(tp, udp_closed);
	ATF_TP_ADD_TC(tp, small_mtu);
	ATF_TP_ADD_TC(tp, other_versions);
	ATF_TP_ADD_TC(tp, nobody_there);
	ATF_TP_ADD_TC(tp, relayed);
	return atf_no_error();
}
