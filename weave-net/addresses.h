/*
 * Addresses of attachments: of weaved's IPAM, or of the IPAM plugin that the
 * configuration names.
 */
#ifndef WEAVE_NET_ADDRESSES_H
#define WEAVE_NET_ADDRESSES_H

#include "weave-net/session.h"

/*
 * Fills addresses, routes and dns of result; *held keeps what they borrow
 * from and is the caller's to json_decref(), also after -1.
 */
int addresses_add(struct session *session, struct result *result, json_t **held,
    struct cni_error *error);
/* Having none is no error. */
int addresses_del(struct session *session, struct cni_error *error);
/* prev: with the addresses that the attachment must have. */
int addresses_check(struct session *session, const struct result *prev,
    struct cni_error *error);
/* Can addresses be given? */
int addresses_status(struct session *session, struct cni_error *error);
/* Releases those of this network but those of conf->valid. */
int addresses_gc(struct session *session, struct cni_error *error);
/* Is an attachment of this id listed in conf->valid, or not of this network? */
bool addresses_keep(const struct session *session, const char *id);
/* -1: conf->valid is malformed. */
int addresses_check_valid(const struct netconf *conf, struct cni_error *error);

#endif
