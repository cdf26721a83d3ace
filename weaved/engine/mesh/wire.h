/*
 * The bytes of a TCP connection below the messages: header, encryption flag,
 * framing and sealed bodies (mesh-protocol 1.1, 1.3).
 */
#ifndef ENGINE_MESH_WIRE_H
#define ENGINE_MESH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER_LEN		7	/* "weave", lowest, highest version */
#define WIRE_VERSION		2	/* the only one we speak so far */
#define WIRE_KEY_LEN		32	/* public and session keys */
#define WIRE_NONCE_LEN		24
#define WIRE_TAG_LEN		16	/* a sealed body is longer by this */
#define WIRE_LENGTH_LEN		4	/* u32 before each body */
#define WIRE_BODY_MAX		10485760u	/* as on the wire, with the tag */
/* Before the features: a stranger shall not make us hold more. */
#define WIRE_INTRO_MAX		4096u

#define WIRE_FLAG_PLAIN		0
#define WIRE_FLAG_ENCRYPTED	1	/* the 32 byte public key follows */

/* First byte of a message (section 3). */
enum wire_tag {
	WIRE_HEARTBEAT,
	WIRE_ESTABLISHED,	/* 1 to 3: overlay control, compatibility */
	WIRE_FRAGMENTATION,
	WIRE_PMTU,
	WIRE_GOSSIP,
	WIRE_GOSSIP_UNICAST,
	WIRE_GOSSIP_BROADCAST,
	WIRE_OVERLAY,
	WIRE_TAG_MAX
};

void	wire_put_header(uint8_t header[WIRE_HEADER_LEN], uint8_t lowest,
	    uint8_t highest);
/* Returns the version to speak, or -1 and why not in cause. */
int	wire_check_header(const uint8_t header[WIRE_HEADER_LEN],
	    uint8_t lowest, uint8_t highest, char *cause, size_t size);
/* Does the peer's flag agree with whether we have a password? */
bool	wire_check_flag(uint8_t flag, bool password, char *cause,
	    size_t size);

/* Nonce of a sealed body; outbound: its sender opened the connection. */
void	wire_put_nonce(uint8_t nonce[WIRE_NONCE_LEN], bool outbound,
	    uint64_t counter);

/* One direction of an encrypted connection. */
struct wire_cipher {
	uint8_t		key[WIRE_KEY_LEN];
	uint64_t	counter;
	bool		outbound;	/* of the sender in this direction */
};

void	wire_cipher_init(struct wire_cipher *cipher,
	    const uint8_t key[WIRE_KEY_LEN], bool outbound);
void	wire_cipher_wipe(struct wire_cipher *cipher);
/* Writes len + WIRE_TAG_LEN bytes to box, which may be body itself. */
void	wire_seal(struct wire_cipher *cipher, uint8_t *box,
	    const uint8_t *body, size_t len);
/*
 * Opens box in place: the body is its first *len bytes. False: not the next
 * message under this key; the connection must end.
 */
bool	wire_open(struct wire_cipher *cipher, uint8_t *box, size_t boxlen,
	    size_t *len);

/*
 * What was read from the stream and not yet consumed. Memory follows the
 * bytes that came, never a length that was only announced.
 */
struct wire_reader {
	uint8_t		*data;
	size_t		 start;	/* of what is not consumed */
	size_t		 len;	/* bytes from start on */
	size_t		 size;
	size_t		 max;	/* largest body */
};

void	wire_reader_init(struct wire_reader *reader, size_t max);
void	wire_reader_set_max(struct wire_reader *reader, size_t max);
/* Wipes and frees. */
void	wire_reader_free(struct wire_reader *reader);
/*
 * Room to read(2) into, at least one byte; NULL without memory. Invalidates
 * what the functions below returned.
 */
uint8_t	*wire_reader_space(struct wire_reader *reader, size_t *len);
void	wire_reader_commit(struct wire_reader *reader, size_t len);
/* Takes exactly len bytes (header, flag, key); NULL: not there yet. */
uint8_t	*wire_reader_take(struct wire_reader *reader, size_t len);
/* 1: a whole body, writable, *len may be 0; 0: not yet; -1: too long. */
int	wire_reader_body(struct wire_reader *reader, uint8_t **body,
	    size_t *len);

#endif
