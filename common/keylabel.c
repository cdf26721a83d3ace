#include <string.h>

#include "common/hkdf.h"
#include "common/keylabel.h"

_Static_assert(KEYLABEL_LEN == HKDF_KEY_LEN, "keys");

void
keylabel_derive(uint8_t key[KEYLABEL_LEN], const uint8_t prk[KEYLABEL_LEN],
    const char *label, const uint8_t th[KEYLABEL_HASH_LEN])
{
	uint8_t info[sizeof(KEYLABEL) + KEYLABEL_MAX + KEYLABEL_HASH_LEN];
	char *text = (char *)info;
	size_t len; /* of the text with its NUL */

	len = strlcpy(text, KEYLABEL, sizeof(KEYLABEL) + KEYLABEL_MAX);
	len += strlcpy(text + len, label, KEYLABEL_MAX + 1) + 1;
	memcpy(info + len, th, KEYLABEL_HASH_LEN);
	hkdf_expand(key, KEYLABEL_LEN, prk, info, len + KEYLABEL_HASH_LEN);
}
