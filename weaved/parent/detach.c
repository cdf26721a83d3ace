#include <fcntl.h>
#include <unistd.h>

#include "weaved/parent/detach.h"

static int waiting = -1; /* the old process reads the other end */

int
detach_begin(void)
{
	int ends[2];
	char done;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	if ((pid = fork()) == -1) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (pid != 0) {
		close(ends[1]);
		_exit(read(ends[0], &done, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	waiting = ends[1];
	setsid();
	return 0;
}

void
detach_done(void)
{
	int null;

	if (waiting == -1)
		return;
	if (chdir("/") == 0 && (null = open("/dev/null", O_RDWR)) != -1) {
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			dup2(null, fd);
		if (null > STDERR_FILENO)
			close(null);
	}
	if (write(waiting, "", 1) == 1)
		close(waiting);
	waiting = -1;
}
