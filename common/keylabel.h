/* Keys of protocol version 3 by their label (hardened-protocol 3). */
#ifndef KEYLABEL_H
#define KEYLABEL_H

#include <stdint.h>

#define KEYLABEL "weaved/3 " /* before every label */
#define KEYLABEL_LEN 32 /* of a key */
#define KEYLABEL_HASH_LEN 64
#define KEYLABEL_MAX 15 /* bytes of a label */

/* Expand(prk, "weaved/3 " ‖ label ‖ 0x00 ‖ th, 32). */
void keylabel_derive(uint8_t key[KEYLABEL_LEN], const uint8_t prk[KEYLABEL_LEN],
    const char *label, const uint8_t th[KEYLABEL_HASH_LEN]);

#endif
