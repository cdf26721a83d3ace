/*
 * libcurl, loaded when it is asked for: with it come some thirty libraries,
 * which no process needs but this one. Functions have libcurl's names without
 * "curl_".
 */
#ifndef KUBE_CURL_LIBRARY_H
#define KUBE_CURL_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

struct curl_library {
	CURLcode (*global_init)(long);
	CURL *(*easy_init)(void);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	void (*easy_cleanup)(CURL *);
	const char *(*easy_strerror)(CURLcode);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_setopt)(CURLM *, CURLMoption, ...);
	CURLMcode (*multi_assign)(CURLM *, curl_socket_t, void *);
	CURLMcode (*multi_add_handle)(CURLM *, CURL *);
	CURLMcode (*multi_remove_handle)(CURLM *, CURL *);
	CURLMcode (*multi_socket_action)(CURLM *, curl_socket_t, int, int *);
	CURLMsg *(*multi_info_read)(CURLM *, int *);
};

/* False: error says why. */
bool curl_library_load(struct curl_library *library, char *error, size_t size);

#endif
