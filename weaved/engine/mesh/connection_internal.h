/* What the files of a connection share: bodies of version 3. */
#ifndef ENGINE_MESH_CONNECTION_INTERNAL_H
#define ENGINE_MESH_CONNECTION_INTERNAL_H

#include "weaved/engine/mesh/connection.h"
#include "weaved/engine/mesh/handshake3.h"

size_t buffer_len(const struct buffer *buf);
void buffer_consume(struct buffer *buf, size_t len);

void connection_update_watch(struct connection *conn);
/* Takes what the input holds. */
void connection_run(struct connection *conn, uint64_t now);
/* Bytes for the peer as they are. */
void connection_put(struct connection *conn, const void *data, size_t len);
bool connection_send_features(struct connection *conn, uint64_t now);
/* 1: a whole body is there, 0: not yet, -1: ended. Nothing is consumed. */
int connection_body(
    struct connection *conn, uint8_t **body, size_t *len, uint64_t now);

/* connection3.c: from the header on. */
void connection3_begin(
    struct connection *conn, const uint8_t *header, uint64_t now);
/* One frame; true: there may be more. */
bool connection3_step(struct connection *conn, uint64_t now);
/* A body in place of the features; false: ended. */
bool connection3_sealed(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now);
/* Are the features of whom HELLO named? False: ended. */
bool connection3_is_peer(struct connection *conn, uint64_t now);
/* The features hold. Fine at version 2 also. */
void connection3_done(struct connection *conn);

/* enum ctl_slot of our password, by what the responder counts. */
uint8_t connection_slot(const struct connection *conn, uint32_t slot);

/* connection_rekey.c: a message of these, with its tag; false: close. */
bool connection_rekey_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now);
/* What is due while the connection is up; when to call again. */
uint64_t connection_rekey_tick(struct connection *conn, uint64_t now);

/* connection_reauth.c: the same of these. */
bool connection_reauth_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now);
uint64_t connection_reauth_tick(struct connection *conn, uint64_t now);
/* A message for our parent, without its tag; too many are dropped. */
void connection_parent_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now);

#endif
