#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "weaved/kube/curl_library.h"

#define LIBRARY "libcurl.so.4"

#define FUNCTION(name)                                             \
	{                                                          \
		"curl_" #name, offsetof(struct curl_library, name) \
	}

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
    FUNCTION(global_init),
    FUNCTION(easy_init),
    FUNCTION(easy_setopt),
    FUNCTION(easy_getinfo),
    FUNCTION(easy_cleanup),
    FUNCTION(easy_strerror),
    FUNCTION(slist_append),
    FUNCTION(slist_free_all),
    FUNCTION(multi_init),
    FUNCTION(multi_setopt),
    FUNCTION(multi_assign),
    FUNCTION(multi_add_handle),
    FUNCTION(multi_remove_handle),
    FUNCTION(multi_socket_action),
    FUNCTION(multi_info_read),
};

bool
curl_library_load(struct curl_library *library, char *error, size_t size)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		snprintf(error, size, "%s", dlerror());
		return false;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = dlsym(handle, functions[i].name);

		if (function == NULL) {
			snprintf(error, size, "%s has no %s", LIBRARY,
			    functions[i].name);
			return false;
		}
		memcpy((char *)library + functions[i].offset, &function,
		    sizeof(function));
	}
	return true;
}
