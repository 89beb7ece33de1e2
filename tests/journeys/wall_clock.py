"""A wall clock that a test sets, for a program that it starts; every other clock is the machine's."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Preloaded: what asks for the time of day gets it with an offset, the number of seconds in a file.
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static long offset(void)
{
	long seconds = 0; FILE *file = fopen(getenv("WALL_CLOCK"), "r");
	if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
	return seconds;
}
int clock_gettime(clockid_t id, struct timespec *now)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(id, now);
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) now->tv_sec += offset();
	return result;
}
time_t time(time_t *t) { struct timespec n; clock_gettime(CLOCK_REALTIME, &n); if (t) *t = n.tv_sec; return n.tv_sec; }
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec n; clock_gettime(CLOCK_REALTIME, &n);
	t->tv_sec = n.tv_sec; t->tv_usec = n.tv_nsec / 1000; (void)zone;
	return 0;
}
"""


class WallClock:
    """Compiles the clock in `folder`; `environment` is for the program."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "wall_clock"
        source, library = folder / "wall_clock.c", folder / "wall_clock.so"
        source.write_text(SOURCE)
        command = ["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True)
        self.jump(0)
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(self._offset)}

    def jump(self, seconds: int) -> None:
        """So far from the machine's clock it is from now on."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(f"{seconds}\n")
        fresh.replace(self._offset)
