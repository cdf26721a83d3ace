/*
 * The resolver process: getaddrinfo(3) for peers given by name, so that
 * nobody else reads what a name server wrote.
 */
#ifndef RESOLVER_RESOLVER_H
#define RESOLVER_RESOLVER_H

void resolver_main(void) __attribute__((noreturn));

#endif
