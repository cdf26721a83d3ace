#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/process.h"

#define CHUNK 65536

static size_t process_scan(int, uint64_t, uint64_t, const void *, size_t);

size_t
process_children(pid_t parent, pid_t children[PROCESS_CHILDREN_MAX])
{
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent,
	    (int)parent);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (n < PROCESS_CHILDREN_MAX && fscanf(f, "%d", &children[n]) == 1)
		n++;
	fclose(f);
	return n;
}

pid_t
process_child(pid_t parent, const char *name)
{
	pid_t children[PROCESS_CHILDREN_MAX];
	char buf[256];
	size_t i, n;
	long len;

	n = process_children(parent, children);
	for (i = 0; i < n; i++) {
		len = process_file(children[i], "cmdline", buf, sizeof(buf));
		if (len > 0 &&
		    memmem(buf, (size_t)len, name, strlen(name)) != NULL)
			return children[i];
	}
	return 0;
}

bool
process_alive(pid_t pid)
{
	char state[32];

	return process_status(pid, "State", state, sizeof(state)) &&
	    state[0] != 'Z';
}

bool
process_status(pid_t pid, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);
	char path[64], line[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(buf, size, "%s",
		    line + len + 1 + strspn(line + len + 1, " \t"));
		found = true;
	}
	fclose(f);
	return found;
}

bool
process_link(pid_t pid, const char *link, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, link);
	if ((n = readlink(path, buf, size - 1)) == -1)
		return false;
	buf[n] = '\0';
	return true;
}

long
process_file(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	n = read(fd, buf, size);
	close(fd);
	return n;
}

size_t
process_descriptors(pid_t pid, const char *prefix)
{
	char path[64], link[32], target[256];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link), "fd/%.20s", entry->d_name);
		if (prefix == NULL ||
		    (process_link(pid, link, target, sizeof(target)) &&
			strncmp(target, prefix, strlen(prefix)) == 0))
			n++;
	}
	closedir(dir);
	return n;
}

static size_t
process_scan(int fd, uint64_t from, uint64_t to, const void *bytes, size_t len)
{
	static char buf[CHUNK + 4096];
	size_t found = 0, kept = 0;
	char *at;
	ssize_t n;

	for (; from < to; from += (uint64_t)n) {
		n = pread(fd, buf + kept, to - from < CHUNK ? to - from : CHUNK,
		    (off_t)from);
		if (n <= 0)
			break;
		kept += (size_t)n;
		for (at = buf; (at = memmem(at, kept - (size_t)(at - buf),
				    bytes, len)) != NULL;
		     at++)
			found++;
		if (kept >= len) {
			memmove(buf, buf + kept - len + 1, len - 1);
			kept = len - 1;
		}
	}
	return found;
}

size_t
process_memory_has(pid_t pid, const void *bytes, size_t len)
{
	unsigned long from, to;
	char path[64], line[512], mode[8];
	size_t found = 0;
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return SIZE_MAX;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	if ((maps = fopen(path, "re")) == NULL) {
		close(fd);
		return SIZE_MAX;
	}
	while (fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 &&
		    mode[0] == 'r')
			found += process_scan(fd, from, to, bytes, len);
	fclose(maps);
	close(fd);
	return found;
}

uint64_t
process_rss(pid_t pid)
{
	char buf[64];

	return process_status(pid, "VmRSS", buf, sizeof(buf))
	    ? strtoull(buf, NULL, 10)
	    : 0;
}
