/*
 * The control process: serves local clients on the UNIX socket, checks their
 * rights and relays their requests to engine and parent (common/ctl.h).
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

void control_main(void) __attribute__((noreturn));

#endif
