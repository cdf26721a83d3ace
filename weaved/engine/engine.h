/*
 * The engine process: mesh and overlay on one event loop, no files, no
 * password, only the descriptors it was handed.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

void engine_main(void) __attribute__((noreturn));

#endif
