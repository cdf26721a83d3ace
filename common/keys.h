/* "weavectl status keys": the keys of each connection, in both forms. */
#ifndef COMMON_KEYS_H
#define COMMON_KEYS_H

#include <jansson.h>
#include <stdio.h>

#include "common/report.h"

void keys_text(const struct report *report, FILE *out);
void keys_json(const struct report *report, FILE *out);
/* The same, to be part of something larger. */
json_t *keys_list(const struct report *report);
/* "primary": the password that a peer proved. */
const char *keys_slot(const struct ctl_connection *row);

#endif
