/*
 * The http process: metrics, status and probes for who can not use the control
 * socket. It is handed listening sockets and a pipe to control, on which it
 * may only ask to be shown; it changes nothing.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

void http_main(void) __attribute__((noreturn));

#endif
