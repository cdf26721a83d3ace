#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "weave-net/error.h"

int
cni_fail(struct cni_error *error, int code, const char *details,
    const char *fmt, ...)
{
	va_list ap;

	error->code = code;
	va_start(ap, fmt);
	vsnprintf(error->msg, sizeof(error->msg), fmt, ap);
	va_end(ap);
	strlcpy(error->details, details == NULL ? "" : details,
	    sizeof(error->details));
	return -1;
}

json_t *
cni_error_json(const struct cni_error *error, const char *version)
{
	/* Cut in the middle of a character it is no UTF-8 any more. */
	json_t *root = json_pack("{s:s, s:i, s:s}", "cniVersion", version,
	    "code", error->code, "msg", error->msg);

	if (root == NULL)
		root = json_pack("{s:s, s:i, s:s}", "cniVersion", version,
		    "code", error->code, "msg", "(not printable)");
	if (error->details[0] != '\0')
		json_object_set_new(
		    root, "details", json_string(error->details));
	return root;
}
