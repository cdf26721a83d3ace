/* Requests for addresses, and what comes of them. */
#ifndef WEAVECTL_IP_H
#define WEAVECTL_IP_H

#include <stdbool.h>
#include <stdio.h>

#include "common/ctl.h"
#include "weavectl/client.h"

#define IP_SECONDS 30 /* to wait, unless told otherwise */
#define IP_RESET_SECONDS 70
#define IP_NO_MASQUERADE "--without-masquerade"

/*
 * ID and, if there is one, address or subnet; False: error says what is
 * wrong with them.
 */
bool ip_parse(uint32_t request, char *const *arguments, unsigned seconds,
    struct ctl_ip *ip, char error[CTLCLIENT_ERROR_MAX]);
/* What expose and hide are to do; addr 0: nothing was said. */
bool ip_parse_expose(uint32_t request, char *const *arguments,
    struct ctl_expose *expose, char error[CTLCLIENT_ERROR_MAX]);
/* The answer to that request. */
void ip_print(
    uint32_t request, const struct ctl_ip_answer *row, bool json, FILE *out);

#endif
