#include <string.h>

#include "common/hkdf.h"
#include "weaved/keylabel.h"

_Static_assert(KEYLABEL_LEN == HKDF_KEY_LEN, "keys");

void
keylabel_derive(uint8_t key[KEYLABEL_LEN], const uint8_t prk[KEYLABEL_LEN],
    const char *label, const uint8_t th[KEYLABEL_HASH_LEN])
{
	uint8_t info[sizeof(KEYLABEL) + KEYLABEL_MAX + KEYLABEL_HASH_LEN];
	size_t n = strlen(KEYLABEL), len = strlen(label) + 1;

	memcpy(info, KEYLABEL, n);
	memcpy(info + n, label, len); /* with its NUL */
	memcpy(info + n + len, th, KEYLABEL_HASH_LEN);
	hkdf_expand(key, KEYLABEL_LEN, prk, info, n + len + KEYLABEL_HASH_LEN);
}
