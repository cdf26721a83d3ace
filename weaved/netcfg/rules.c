#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/netcfg/rules.h"

static void write_input(FILE *, const struct rules *);
static void write_local(FILE *, const struct imsg_local *);
static void write_postrouting(FILE *, const struct rules *);
static bool masquerades(const struct rules *);

bool
rules_name_ok(const char *bridge)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";

	return bridge[0] != '\0' && bridge[strspn(bridge, letters)] == '\0';
}

const char *
rules_table(const char *bridge, char buf[RULES_TABLE_MAX])
{
	snprintf(buf, RULES_TABLE_MAX, "weaved-%s", bridge);
	return buf;
}

/*
 * Where accept_ra can not be written, and before it is. A router is not to be
 * found in the overlay.
 */
static void
write_input(FILE *out, const struct rules *rules)
{
	fprintf(out,
	    "\tchain input {\n"
	    "\t\ttype filter hook input priority filter; policy accept;\n"
	    "\t\tiifname \"%s\" icmpv6 type nd-router-advert drop\n"
	    "\t}\n",
	    rules->bridge);
}

static bool
masquerades(const struct rules *rules)
{
	for (size_t i = 0; i < rules->nexposed; i++)
		if (!rules->exposed[i].no_masquerade)
			return true;
	return false;
}

static void
write_local(FILE *out, const struct imsg_local *local)
{
	char first[IPV4_STRLEN], last[IPV4_STRLEN];

	fputs("\tset local {\n"
	      "\t\ttype ipv4_addr\n"
	      "\t\tflags interval\n",
	    out);
	for (size_t i = 0; i < local->n; i++) {
		fprintf(out, "%s%s", i == 0 ? "\t\telements = { " : ", ",
		    ipv4_format(local->ranges[i].start, first));
		if (local->ranges[i].end - local->ranges[i].start > 1)
			fprintf(out, "-%s",
			    ipv4_format(local->ranges[i].end - 1, last));
	}
	fprintf(out, "%s\t}\n", local->n > 0 ? " }\n" : "");
}

/*
 * As Weave's chain: between the subnet and what is not it, both ways, but for
 * multicast, and for pods of this host that are to see who speaks to them,
 * which answer by this host. Random ports, as two of the same may meet on many CPUs.
 */
static void
write_postrouting(FILE *out, const struct rules *rules)
{
	char net[SUBNET_STRLEN];

	fputs("\tchain postrouting {\n"
	      "\t\ttype nat hook postrouting priority srcnat; policy accept;\n",
	    out);
	if (rules->local->on)
		fputs("\t\tip daddr @local return\n", out);
	for (size_t i = 0; i < rules->nexposed; i++) {
		const struct ctl_expose *exposed = &rules->exposed[i];
		struct subnet subnet = {
		    exposed->addr & (UINT32_MAX << (32 - exposed->len)),
		    exposed->len};

		if (exposed->no_masquerade)
			continue;
		subnet_format(subnet, net);
		fprintf(out,
		    "\t\tip saddr %s ip daddr 224.0.0.0/4 return\n"
		    "\t\tip saddr != %s ip daddr %s masquerade fully-random\n"
		    "\t\tip saddr %s ip daddr != %s masquerade fully-random\n",
		    net, net, net, net, net);
	}
	fputs("\t}\n", out);
}

bool
rules_find_drop(const char *listing, char name[CTL_CAUSE_MAX])
{
	char line[CTL_CAUSE_MAX], chain[128] = "", family[16] = "",
				  table[128] = "";

	while (*listing != '\0') {
		size_t len = strcspn(listing, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, listing);
		listing += len + (listing[len] == '\n');
		if (sscanf(line, "table %15s %127s", family, table) == 2 ||
		    sscanf(line, "\tchain %127[^ ] {", chain) == 1)
			continue;
		if ((strcmp(family, "ip") != 0 &&
			strcmp(family, "inet") != 0) ||
		    strstr(line, " hook forward ") == NULL ||
		    strstr(line, "policy drop;") == NULL)
			continue;
		snprintf(name, CTL_CAUSE_MAX, "%s of table %s %s", chain,
		    family, table);
		return true;
	}
	return false;
}

char *
rules_format(const struct rules *rules)
{
	char table[RULES_TABLE_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	rules_table(rules->bridge, table);
	fprintf(out,
	    "add table inet %s\n"
	    "delete table inet %s\n"
	    "table inet %s {\n",
	    table, table, table);
	write_input(out, rules);
	if (masquerades(rules)) {
		if (rules->local->on)
			write_local(out, rules->local);
		write_postrouting(out, rules);
	}
	fputs("}\n", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
